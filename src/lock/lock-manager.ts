import { healthOf } from '../core/health.js';
import { systemClock, type Clock } from '../clock.js';
import type { Election, ElectionOptions } from '../api/election.js';
import { LockManagerClosedError, LockNotAcquiredError } from '../api/errors.js';
import { LockEvents, type LockListener, type NodeSnapshot, type QuorumSnapshot } from '../api/events.js';
import type { ForceReleaseOptions } from '../api/force-release.js';
import type { Health } from '../api/health.js';
import type { Inspection } from '../api/inspection.js';
import type { Membership as MembershipSnapshot } from '../api/membership.js';
import type { Lease, LeaseJson } from '../api/lease.js';
import { LOCK_DEFAULTS } from '../api/defaults.js';
import type { LockManagerOptions } from '../api/manager-options.js';
import type { AcquireOptions, AdoptOptions, CloseOptions } from '../api/options.js';
import type { ResolvedAcquireOptions, ResolvedManagerOptions } from '../api/resolved-options.js';
import type { PastRun } from '../core/run-history.js';
import type { RunOnceOptions, RunResult, TickWatch, WatchTicksOptions } from '../api/run.js';
import type { NodePlan } from '../node/node-options.js';
import { openFallbackNode } from '../node/open-node.js';
import { Acquirer } from './acquirer.js';
import { Elections } from './election/elections.js';
import { joinLease, leasesAround, runUnder } from './lease/current-lease.js';
import type { HeldLease } from './lease/held-lease.js';
import { forceRelease, readForceReleaseOptions, type ForceReleaseContext } from './force-release.js';
import { LeaseScheduler } from './lease/lease-scheduler.js';
import { NodeGroup } from './nodes/node-group.js';
import { openNodes, readFallback, readNodes } from './nodes/node-list.js';
import { inspectResource } from './quorum/inspect-resource.js';
import { Quorum } from './quorum/quorum.js';
import { readHistory } from './quorum/read-history.js';
import type { RunRoutine } from './runs/run-body.js';
import { Runs } from './runs/runs.js';
import { StallGuard } from './stall/stall-guard.js';
import { AcquireOptionsResolver } from './validation/acquire-options.js';
import { checkName } from './validation/checks.js';
import { resolveCloseOptions } from './validation/close-options.js';
import { adoptionOptions, readLeaseJson } from './validation/lease-json.js';
import { resolveLockOptions } from './validation/lock-options.js';
import { resolveManagerOptions } from './validation/manager-options.js';
import { assertResource, resolveResources } from './validation/resources.js';

/** Where time and random numbers come from; a test brings its own. */
export interface LockManagerPorts {
  readonly clock?: Clock | undefined;
  /** A number from 0 to 1, as Math.random. Only pauses depend on it; holder ids come from node:crypto. */
  readonly random?: (() => number) | undefined;
}

/**
 * Mutual exclusion over N independent Redis nodes: the algorithm of the Redlock specification
 * (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/), with fencing tokens, leases
 * that are extended automatically, and the reason why a lock was not acquired.
 *
 * One manager per process is enough. It connects at once, in the background, unless `lazyConnect` is on.
 * `close` it to let the process end.
 */
export class LockManager {
  readonly #options: ResolvedManagerOptions;
  readonly #acquireOptions: AcquireOptionsResolver;
  readonly #clock: Clock;
  readonly #group: NodeGroup;
  readonly #quorum: Quorum;
  /** Where locks are taken while the nodes cannot be reached. */
  readonly #fallback: Quorum | undefined;
  readonly #events: LockEvents;
  readonly #stallGuard: StallGuard | undefined;
  readonly #acquirer: Acquirer;
  readonly #declared = new Set<string>();
  readonly #elections: Elections;
  readonly #runs: Runs;
  /** Whether the connections were closed. */
  #isDisconnected = false;
  /** Set while locks exclude this process only. */
  #fallbackReason: string | undefined;
  #closing: Promise<void> | undefined;

  /** Throws a TypeError or RangeError that names the option, the value and the bound. */
  constructor(options: LockManagerOptions, ports: LockManagerPorts = {}) {
    this.#options = resolveManagerOptions(options);
    this.#acquireOptions = new AcquireOptionsResolver(this.#options);
    this.#clock = ports.clock ?? systemClock;
    const random = ports.random ?? Math.random;
    this.#events = new LockEvents(this.#options.warn);
    const scheduler = new LeaseScheduler(this.#clock, (delayMs) =>
      this.#events.emit({ type: 'stalled', delayMs }),
    );
    // First of all: what is wrong with the nodes is told as such, whatever the other options are.
    const plans = readNodes(options.nodes, this.#options.warn);
    const fallbackPlan = readFallback(options.fallback, plans);
    if (this.#options.maxStallMs > 0) {
      this.#stallGuard = new StallGuard(options.nodes, this.#options, this.#clock);
    }
    const { warn, lazyConnect } = this.#options;
    const events = this.#events;
    this.#group = new NodeGroup(plans, {
      options: this.#options,
      clock: this.#clock,
      random,
      events,
      onReady: (nodeIndex) => this.#acquirer.leases.extendFor(nodeIndex),
    });
    const { nodes, membership, quarantine, isInMemory } = this.#group;
    this.#quorum = new Quorum(nodes, this.#clock, events, membership);
    if (isInMemory) this.#fallbackReason = 'all nodes are in memory: locks exclude this process only';
    this.#fallback = this.#openFallback(fallbackPlan, random);
    this.#acquirer = new Acquirer({
      options: this.#options,
      clock: this.#clock,
      random,
      events: this.#events,
      quorum: this.#quorum,
      quarantine,
      fallback: this.#fallback,
      onFallback: (active, reason) => this.#setFallback(active, reason),
      isInMemory,
      scheduler,
      guard: this.#stallGuard,
      starting: () => this.#group.starting,
    });
    const context = {
      manager: this,
      clock: this.#clock,
      random,
      events,
      worker: this.#options.holder,
      warn,
      declare: (name: string) => this.declare(name),
      resolve: (acquireOptions: AcquireOptions) => this.#acquireOptions.resolve(acquireOptions),
    };
    this.#elections = new Elections({
      ...context,
      isDraining: () => this.closed,
      acquire: (resource, resolved) => this.#acquireResolved([resource], resolved),
    });
    this.#runs = new Runs({
      ...context,
      started: () => this.started(),
      isElection: (key) => this.#elections.has(key),
      inspect: (key) => this.inspect(key),
      history: (key) => readHistory(this.#quorum, this.#clock, key, this.#beginQuestion([key])),
      acquire: (key, acquireOptions) =>
        this.#acquireResolved([key], this.#acquireOptions.resolve(acquireOptions)),
    });
    if (!lazyConnect) this.connect();
  }

  /**
   * Acquires one resource, or several at once (all or nothing). Rejects with a LockNotAcquiredError (held,
   * already run, or contended), a QuorumUnreachableError (too few nodes answered), a LockManagerClosedError,
   * the signal's own reason, or a TypeError or RangeError that names a bad option.
   */
  async acquire(resource: string | readonly string[], options: AcquireOptions = {}): Promise<Lease> {
    const resources = resolveResources(resource);
    return this.#acquireResolved(resources, this.#acquireOptions.resolve(options));
  }

  /**
   * Takes over a lease of another process, from what its `transfer` or `toJSON` gave. No other process gets
   * the resources in between, and the lease has a greater token than before. Of several calls with the same
   * lease one succeeds at most. If the lease was not transferred, the call waits until it cannot be valid any
   * more there; its holder learns of the loss at its next extension.
   *
   * Rejects with a LockNotAcquiredError if another holder has the resources by now, with a LeaseLostError if
   * they were released or have expired, otherwise like `acquire`. When it rejects, the lease may be over for
   * the other process, too. A TypeError or RangeError says that `lease` cannot be adopted by this manager.
   */
  async adopt(lease: LeaseJson, options: AdoptOptions = {}): Promise<Lease> {
    const read = readLeaseJson(lease, this.#options);
    const resolved = this.#acquireOptions.resolve(adoptionOptions(read, options));
    this.connect();
    return this.#acquirer.adopt(read, resolved);
  }

  /**
   * Like `acquire`, but resolves to `null` if another holds the resource, or if it has already run for the
   * tick.
   */
  async tryAcquire(
    resource: string | readonly string[],
    options: AcquireOptions = {},
  ): Promise<Lease | null> {
    try {
      return await this.acquire(resource, options);
    } catch (error) {
      if (error instanceof LockNotAcquiredError && error.reason !== 'contended') return null;
      throw error;
    }
  }

  /**
   * Runs the routine under a lease and releases it afterwards. What the routine throws is what the caller
   * gets. If the lease was lost before the routine ended, it rejects with the LeaseLostError although the
   * routine may have returned: a job that lost its lock must not report success.
   *
   * Inside a lease of the same resource it runs under that lease, and excludes nobody else who does. The
   * lease is released when the last of these runs has ended, which may be after the call that acquired it has
   * returned.
   *
   * The option `signal` cancels the call while it waits for the lease. After that it aborts `lease.signal`,
   * and the lease is held until the routine has ended.
   */
  withLock<T>(resource: string | readonly string[], routine: Routine<T>): Promise<T>;
  withLock<T>(resource: string | readonly string[], options: AcquireOptions, routine: Routine<T>): Promise<T>;
  async withLock<T>(
    resource: string | readonly string[],
    optionsOrRoutine: AcquireOptions | Routine<T>,
    lastRoutine?: Routine<T>,
  ): Promise<T> {
    const [options, routine] =
      typeof optionsOrRoutine === 'function' ? [{}, optionsOrRoutine] : [optionsOrRoutine, lastRoutine];
    if (typeof routine !== 'function') throw new TypeError('withLock takes a routine as its last argument');
    // Programs without types may give null, which acquire refuses by name.
    const signal = (options as AcquireOptions | null)?.signal;
    const joined = joinLease(resolveResources(resource), this, signal, routine);
    if (joined !== undefined) return joined;
    return runUnder(await this.acquire(resource, options), this, signal, routine);
  }

  /**
   * Stands for election: one of all processes that stand for the same resource leads. It waits until it is
   * elected, and again after it was deposed, until it is stopped. When a leader dies, another one is elected
   * after its TTL; when it stops, at once. Throws a TypeError or RangeError that names a bad option, and a
   * LockManagerClosedError once the manager grants nothing any more.
   *
   * A leader may be deposed at any moment: its work must stop when `lease.signal` aborts, and what it writes
   * needs the token of the lease, like that of any other holder.
   */
  elect(resource: string, options: ElectionOptions = {}): Election {
    return this.#elections.stand(resource, options);
  }

  /**
   * Runs the routine once for a tick: on one of all workers that ask for it. What becomes of a tick that was
   * missed or abandoned, and of a run that takes too long, the options say. Resolves to `ran: false` with the
   * reason where the tick is not run here. Rejects with the routine's own error, with a RunTimeoutError or
   * LeaseLostError, or like `acquire` if the nodes or the options are at fault.
   */
  runOnce<T>(options: RunOnceOptions, routine: RunRoutine<T>): Promise<RunResult<T>> {
    return this.#runs.runOnce(options, routine);
  }

  /**
   * Watches the ticks of a job: looks at the start, and when a majority of the nodes is back, whether the
   * latest one was missed or abandoned. Where the options say so, it calls `perform` with the tick to run,
   * which is to call `runOnce`. Nothing is run on a first deployment, where the nodes know of no tick.
   */
  watchTicks(options: WatchTicksOptions, perform: (tick: number) => unknown): TickWatch {
    return this.#runs.watch(options, perform);
  }

  /**
   * What the nodes say of a resource, without acquiring it. Rejects with a QuorumUnreachableError, and with a
   * LockManagerClosedError once the manager is closed.
   */
  async inspect(resource: string): Promise<Inspection> {
    assertResource(resource);
    return inspectResource(this.#quorum, this.#clock, resource, this.#beginQuestion([resource]));
  }

  /**
   * The latest runs of a job that are over, from its newest to its oldest, as far as the nodes keep them:
   * what `runOnce` ran for a tick, or a decorated method with one. A run whose worker died is not among them.
   * Rejects with a QuorumUnreachableError, and with a LockManagerClosedError once the manager is closed.
   */
  history(key: string): Promise<readonly PastRun[]> {
    return this.#runs.history(key);
  }

  /**
   * Takes a resource from its holder, by the word of an operator. The holder learns it at its next extension:
   * its signal aborts, with the reason `taken`. Until then it may go on with its work, so what it writes has
   * to carry its token; the next holder's is greater. Resolves to the name of the holder, or to `undefined`
   * if nobody held it. Rejects with a QuorumUnreachableError if too few nodes answer.
   */
  async forceRelease(resource: string, options: ForceReleaseOptions): Promise<string | undefined> {
    assertResource(resource);
    const terms = readForceReleaseOptions(options);
    if (this.closed) throw new LockManagerClosedError([resource]);
    return forceRelease(this.#forceReleaseContext(), resource, terms);
  }

  /**
   * Connects to the nodes, in the background. Only a manager with `lazyConnect` has not done so yet. It does
   * nothing after `close`.
   */
  connect(): void {
    if (!this.closed) this.#group.connect();
  }

  /**
   * Resolves when each node is ready or has said why it is not, after two seconds at the latest, with how
   * many are ready. Connects if need be. Never rejects: look at `reached`, and at `nodes()` for the reasons.
   */
  async started(): Promise<QuorumSnapshot> {
    this.connect();
    return (await this.#group.started) ?? { ...this.#group.count, ready: 0, reached: false };
  }

  /**
   * Whether locks work now, for a readiness probe: `up`, `degraded` (locks work, but one more failure may end
   * that, or they exclude this process only) or `down`. It asks no node: connections tell when they end, and
   * nodes in quarantine do not count as ready, nor do those that were found to vote under another list of
   * nodes. Connects if need be. A liveness probe must not look at it: a restart of this process brings no
   * node back.
   */
  health(): Health {
    this.connect();
    const { ready: answering, needed, nodes } = this.#group.count;
    const ready = this.#group.membership.votingNodes;
    const elsewhere = answering - ready;
    const { closed: isClosed } = this;
    const facts = { ready, needed, nodes, elsewhere, fallbackReason: this.#fallbackReason, isClosed };
    return { ...healthOf(facts), ready, needed, nodes, margin: ready - needed };
  }

  /** The nodes in their order, and the state of each. */
  nodes(): readonly NodeSnapshot[] {
    return this.#group.snapshots();
  }

  /** The list of nodes that this manager votes under, see docs/membership.md. */
  membership(): MembershipSnapshot {
    return this.#group.membership.snapshot();
  }

  /**
   * The word of an operator: the nodes of this manager are the list from now on, although no majority of the
   * list before can be reached. You vouch that every node that does not answer now is off for good, or was
   * emptied, and that nobody does the same elsewhere. The list is in use after the longest quarantine.
   * Rejects with an Error if fewer than a majority of the nodes answer, and with a LockManagerClosedError
   * once the manager is closed.
   */
  async acceptMembers(): Promise<void> {
    this.#assertConnected([]);
    this.connect();
    await this.#group.starting;
    return this.#group.membership.accept();
  }

  /**
   * Ends the quarantine of a node, for all clients: an operator knows that it has lost nothing that counts.
   * It votes at once. Rejects with a RangeError if no node has that name, and with a LockManagerClosedError
   * once the manager is closed.
   */
  async trustNode(name: string): Promise<void> {
    this.#assertConnected([]);
    return this.#group.trust(name);
  }

  /**
   * Calls the listener with every event from now on. Before that it tells the present state: the declared
   * locks, the nodes, the fallback if it is active, and what this process stands for or leads. Returns a
   * function that ends the subscription.
   */
  subscribe(listener: LockListener): () => void {
    if (typeof listener !== 'function') throw new TypeError('subscribe takes a function');
    const tell: LockListener = (event) => this.#events.deliver(listener, event);
    for (const name of this.#declared) tell({ type: 'declared', name });
    this.nodes().forEach((node) => tell({ type: 'node', node }));
    tell({ type: 'membership', membership: this.membership() });
    if (this.#fallbackReason !== undefined)
      tell({ type: 'fallback', active: true, reason: this.#fallbackReason });
    this.#elections.presentState.forEach(tell);
    return this.#events.add(listener);
  }

  /**
   * Makes a lock's name known before its first use, so that its metrics start at zero.
   */
  declare(name: string): void {
    if (this.#declared.has(checkName(name))) return;
    this.#declared.add(name);
    this.#events.emit({ type: 'declared', name });
  }

  /** Whether `drain` or `close` was called. */
  get closed(): boolean {
    return this.#acquirer.isDraining;
  }

  /**
   * Grants nothing any more, and ends the calls that wait. Leases that are held go on, except for those of
   * leaders: they resign.
   */
  drain(): void {
    this.#acquirer.drain();
    this.#runs.drain();
    this.#elections.close();
  }

  /**
   * Drains; waits up to `drainMs` (default 0) for held leases to be released; ends those that are left, whose
   * signals abort; releases their keys, unless `leaveKeys` is on; and closes the manager's own connections.
   * Rejects only with a TypeError or RangeError that names a bad option, before it has done anything.
   *
   * Inside `withLock` it does not wait for the lease of the calling code: it resolves when no other lease is
   * held. The rest follows when that lease is released, or when `drainMs` have passed.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { drainMs, leaveKeys } = resolveCloseOptions(options);
    this.drain();
    this.#closing ??= this.#close(drainMs, leaveKeys);
    const own = leasesAround(this);
    return own.size === 0
      ? this.#closing
      : Promise.race([this.#closing, this.#acquirer.leases.whenOnly(own)]);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Connects for a question to all nodes. Gives how long a node may take to answer it, in milliseconds. */
  #beginQuestion(resources: readonly string[]): number {
    this.#assertConnected(resources);
    this.connect();
    return resolveLockOptions({}, this.#options.lockDefaults, this.#options.maxTtlMs).nodeTimeoutMs;
  }

  /** While the manager is drained its nodes still answer. */
  #assertConnected(resources: readonly string[]): void {
    if (this.#isDisconnected) throw new LockManagerClosedError(resources);
  }

  #acquireResolved(resources: readonly string[], options: ResolvedAcquireOptions): Promise<HeldLease> {
    this.connect();
    return this.#acquirer.acquire(resources, options);
  }

  #forceReleaseContext(): ForceReleaseContext {
    this.connect();
    const { fencing, holder: worker, lockDefaults, maxTtlMs } = this.#options;
    const { nodeTimeoutMs } = resolveLockOptions({}, lockDefaults, maxTtlMs);
    const acquire = (resource: string, name: string): Promise<HeldLease> =>
      this.#acquireResolved(
        [resource],
        this.#acquireOptions.resolve({ name, retries: 0, waitMs: 0, minHoldMs: 0 }),
      );
    return {
      sides: this.#fallback === undefined ? [this.#quorum] : [this.#quorum, this.#fallback],
      clock: this.#clock,
      events: this.#events,
      worker,
      fencing,
      nodeTimeoutMs,
      acquire,
    };
  }

  async #close(drainMs: number, leaveKeys: boolean): Promise<void> {
    await this.#acquirer.leases.whenEmpty(drainMs);
    this.#acquirer.leases.close(leaveKeys);
    await this.#acquirer.whenIdle(LOCK_DEFAULTS.nodeTimeoutMs);
    this.#acquirer.close();
    this.#quorum.releaseOpenRounds();
    const { nodeTimeoutMs } = LOCK_DEFAULTS;
    this.#fallback?.releaseOpenRounds();
    await Promise.all([
      this.#quorum.whenReleased(nodeTimeoutMs),
      this.#fallback?.whenReleased(nodeTimeoutMs),
    ]);
    this.#isDisconnected = true;
    this.#group.unwatch();
    const fallbackNodes = this.#fallback?.nodes ?? [];
    await Promise.all([
      this.#group.closeNodes(),
      ...fallbackNodes.map((node) => node.close()),
      this.#stallGuard?.close(),
    ]);
    for (const { name } of this.#group.nodes)
      this.#events.emit({ type: 'node', node: { name, status: 'closed' } });
  }

  /** A quorum of one node, which is trusted as a single node is. It connects at once. */
  #openFallback(plan: NodePlan | undefined, random: () => number): Quorum | undefined {
    if (this.#options.fallback === 'none') return undefined;
    const [clock, events] = [this.#clock, this.#events];
    const options = { ...this.#options, restartQuarantine: 'off' } as const;
    const nodes =
      plan === undefined ? [openFallbackNode(clock)] : openNodes([plan], options, clock, random).nodes;
    return new Quorum(nodes, clock, events);
  }

  #setFallback(active: boolean, reason: string): void {
    if ((this.#fallbackReason !== undefined) === active) return;
    this.#fallbackReason = active ? reason : undefined;
    this.#events.emit({ type: 'fallback', active, reason });
    this.#options.warn(active ? `fallback: ${reason}` : `fallback over: ${reason}`);
  }
}

type Routine<T> = (lease: Lease) => T | PromiseLike<T>;
