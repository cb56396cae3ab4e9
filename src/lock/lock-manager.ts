import type { Election, ElectionOptions } from '../api/election.js';
import { LockManagerClosedError, LockNotAcquiredError } from '../api/errors.js';
import type { LockListener, NodeSnapshot, QuorumSnapshot } from '../api/events.js';
import type { ForceReleaseOptions } from '../api/force-release.js';
import type { Health } from '../api/health.js';
import type { Inspection } from '../api/inspection.js';
import type { Lease, LeaseJson } from '../api/lease.js';
import type { LockManagerOptions } from '../api/manager-options.js';
import type { Membership } from '../api/membership.js';
import type { AcquireOptions, AdoptOptions, CloseOptions } from '../api/options.js';
import type { RunOnceOptions, RunResult, TickWatch, WatchTicksOptions } from '../api/run.js';
import { healthOf } from '../core/health.js';
import type { PastRun } from '../core/run-history.js';
import { forceRelease, readForceReleaseOptions } from './force-release.js';
import { joinLease, leasesAround, runUnder } from './lease/current-lease.js';
import { ManagerParts, type LockManagerPorts } from './manager-parts.js';
import type { RunRoutine } from './runs/run-body.js';
import { checkName } from './validation/checks.js';
import { resolveCloseOptions } from './validation/close-options.js';
import { adoptionOptions, readLeaseJson } from './validation/lease-json.js';
import { assertResource, resolveResources } from './validation/resources.js';

/**
 * Mutual exclusion over N independent Redis nodes: the algorithm of the Redlock specification
 * (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/), with fencing tokens, leases
 * that are extended automatically, and the reason why a lock was not acquired.
 *
 * One manager per process is enough. It connects at once, in the background, unless `lazyConnect` is on.
 * `close` it to let the process end.
 */
export class LockManager {
  readonly #parts: ManagerParts;
  #closing: Promise<void> | undefined;

  /** Throws a TypeError or RangeError that names the option, the value and the bound. */
  constructor(options: LockManagerOptions, ports: LockManagerPorts = {}) {
    this.#parts = new ManagerParts(this, options, ports);
    if (!this.#parts.options.lazyConnect) this.connect();
  }

  /**
   * Acquires one resource, or several at once (all or nothing). Rejects with a LockNotAcquiredError (held,
   * already run, or contended), a QuorumUnreachableError (too few nodes answered), a LockManagerClosedError,
   * the signal's own reason, or a TypeError or RangeError that names a bad option.
   */
  async acquire(resource: string | readonly string[], options: AcquireOptions = {}): Promise<Lease> {
    const resources = resolveResources(resource);
    return this.#parts.acquire(resources, this.#parts.acquireOptions.resolve(options));
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
    const read = readLeaseJson(lease, this.#parts.options);
    const resolved = this.#parts.acquireOptions.resolve(adoptionOptions(read, options));
    this.connect();
    return this.#parts.acquirer.adopt(read, resolved);
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
   * returned. Of its options only `signal` has an effect then. With a `tick` it runs under the lease of the
   * same tick or a later one only.
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
    const [options = {}, routine] =
      typeof optionsOrRoutine === 'function' ? [{}, optionsOrRoutine] : [optionsOrRoutine, lastRoutine];
    // Options after the routine would have no effect, and nobody would notice.
    const isLast = routine === lastRoutine || lastRoutine === undefined;
    if (typeof routine !== 'function' || !isLast)
      throw new TypeError('withLock takes a routine as its last argument');
    const resources = resolveResources(resource);
    // Also where the call joins a lease: a mistake in the options must not depend on who calls.
    const terms = this.#parts.acquireOptions.resolve(options);
    const joined = joinLease(resources, this, terms, routine);
    if (joined !== undefined) return joined;
    return runUnder(await this.#parts.acquire(resources, terms), this, terms, routine);
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
    return this.#parts.elections.stand(resource, options);
  }

  /**
   * Runs the routine once for a tick: on one of all workers that ask for it. The options say what becomes of
   * a tick that was missed or abandoned, and of a run that takes too long. Resolves to `ran: false` with the
   * reason if the tick is not run here. Rejects with the routine's own error, with a RunTimeoutError or
   * LeaseLostError, or like `acquire` if the nodes or the options are at fault.
   */
  runOnce<T>(options: RunOnceOptions, routine: RunRoutine<T>): Promise<RunResult<T>> {
    return this.#parts.runs.runOnce(options, routine);
  }

  /**
   * Watches the ticks of a job: looks at the start, and when a majority of the nodes is back, whether the
   * latest one was missed or abandoned. Where the options say so, it calls `perform` with the tick to run,
   * which is to call `runOnce`. Nothing is run on a first deployment, where the nodes know of no tick. With
   * `abandoned: 'leave'` it looks after a refusal, too, whether the other worker died, and tells that.
   */
  watchTicks(options: WatchTicksOptions, perform: (tick: number) => unknown): TickWatch {
    return this.#parts.runs.watch(options, perform);
  }

  /**
   * What the nodes say of a resource, without acquiring it. Rejects with a QuorumUnreachableError, and with a
   * LockManagerClosedError once the manager is closed.
   */
  inspect(resource: string): Promise<Inspection> {
    return this.#parts.inspect(resource);
  }

  /**
   * The latest runs of a job that are over, from its newest to its oldest, as far as the nodes keep them:
   * what `runOnce` ran for a tick, or a decorated method with one. A run whose worker died is not among them.
   * Rejects with a QuorumUnreachableError, and with a LockManagerClosedError once the manager is closed.
   */
  history(key: string): Promise<readonly PastRun[]> {
    return this.#parts.runs.history(key);
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
    this.connect();
    const { sides, clock, events, nodeTimeoutMs, acquireOptions } = this.#parts;
    const { fencing, holder: worker } = this.#parts.options;
    const acquire = (one: string, name: string): Promise<Lease> =>
      this.#parts.acquire([one], acquireOptions.resolve({ name, retries: 0, waitMs: 0, minHoldMs: 0 }));
    const context = { sides, clock, events, worker, fencing, nodeTimeoutMs, acquire };
    return forceRelease(context, resource, terms);
  }

  /**
   * Connects to the nodes, in the background. Only a manager with `lazyConnect` has not done so yet. It does
   * nothing after `close`.
   */
  connect(): void {
    this.#parts.connect();
  }

  /**
   * Resolves when each node is ready or has said why it is not, and it is known under which list of nodes
   * they vote, after two seconds at the latest, with how many are ready. Connects if need be. Never rejects:
   * look at `reached`, and at `reason` and `nodes()` for the reasons.
   */
  started(): Promise<QuorumSnapshot> {
    return this.#parts.started();
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
    const { group, fallbackState, canFallBack } = this.#parts;
    const { ready: answering, needed, nodes } = group.count;
    const ready = group.membership.votingNodes;
    const elsewhere = answering - ready;
    const fallbackReason = fallbackState.reason;
    const facts = { ready, needed, nodes, elsewhere, fallbackReason, canFallBack, isClosed: this.closed };
    return { ...healthOf(facts), ready, needed, nodes, margin: ready - needed };
  }

  /** The nodes in their order, and the state of each. */
  nodes(): readonly NodeSnapshot[] {
    return this.#parts.group.snapshots();
  }

  /** The list of nodes that this manager votes under, see docs/membership.md. */
  membership(): Membership {
    return this.#parts.group.membership.snapshot();
  }

  /**
   * The word of an operator: the nodes of this manager are the list from now on, although no majority of the
   * list before can be reached. You vouch that every node that does not answer now is off for good, or was
   * emptied, and that nobody does the same elsewhere. The list is in use after the longest quarantine.
   * Rejects with an Error if fewer than a majority of the nodes answer, and with a LockManagerClosedError
   * once the manager is closed.
   */
  async acceptMembers(): Promise<void> {
    this.#parts.connectFor([]);
    const { group } = this.#parts;
    await group.starting;
    return group.membership.accept();
  }

  /**
   * Ends the quarantine of a node, for all clients: an operator knows that it has lost nothing that counts.
   * It votes at once. Rejects with a RangeError if no node has that name, and with a LockManagerClosedError
   * once the manager is closed.
   */
  async trustNode(name: string): Promise<void> {
    this.#parts.assertConnected([]);
    return this.#parts.group.trust(name);
  }

  /**
   * Calls the listener with every event from now on. Before that it tells the present state: the declared
   * locks, the nodes, the fallback if it is active, and what this process stands for or leads. Returns a
   * function that ends the subscription.
   */
  subscribe(listener: LockListener): () => void {
    if (typeof listener !== 'function') throw new TypeError('subscribe takes a function');
    const { events, declared, fallbackState, elections } = this.#parts;
    const tell: LockListener = (event) => events.deliver(listener, event);
    for (const name of declared) tell({ type: 'declared', name });
    this.nodes().forEach((node) => tell({ type: 'node', node }));
    tell({ type: 'membership', membership: this.membership() });
    const { reason } = fallbackState;
    if (reason !== undefined) tell({ type: 'fallback', active: true, reason });
    elections.presentState.forEach(tell);
    return events.add(listener);
  }

  /**
   * Makes a lock's name known before its first use, so that its metrics start at zero.
   */
  declare(name: string): void {
    this.#parts.declare(checkName(name));
  }

  /** Whether `drain` or `close` was called. */
  get closed(): boolean {
    return this.#parts.acquirer.isDraining;
  }

  /**
   * Grants nothing any more, and ends the calls that wait. Leases that are held go on, except for those of
   * leaders: they resign.
   */
  drain(): void {
    this.#parts.drain();
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
    this.#closing ??= this.#parts.close(drainMs, leaveKeys);
    const own = leasesAround(this);
    return own.size === 0
      ? this.#closing
      : Promise.race([this.#closing, this.#parts.acquirer.leases.whenOnly(own)]);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

type Routine<T> = (lease: Lease) => T | PromiseLike<T>;
