import { systemClock, type Clock } from '../clock.js';
import type { PastRun } from '../core/run-history.js';
import { LOCK_DEFAULTS } from '../api/defaults.js';
import { LockManagerClosedError } from '../api/errors.js';
import type { QuorumSnapshot } from '../api/events.js';
import { LockEvents } from '../api/lock-events.js';
import type { Inspection } from '../api/inspection.js';
import type { LockManagerOptions } from '../api/manager-options.js';
import type { AcquireOptions } from '../api/options.js';
import type { ResolvedAcquireOptions, ResolvedManagerOptions } from '../api/resolved-options.js';
import type { NodePlan } from '../node/node-options.js';
import { openFallbackNode } from '../node/open-node.js';
import { Acquirer } from './acquirer.js';
import { Elections } from './election/elections.js';
import { FallbackState } from './fallback/fallback-state.js';
import { amongLive } from './lease/current-lease.js';
import type { HeldLease } from './lease/held-lease.js';
import { LeaseScheduler } from './lease/lease-scheduler.js';
import { NodeGroup } from './nodes/node-group.js';
import { openNodes, readFallback, readNodes } from './nodes/node-list.js';
import { inspectResource } from './quorum/inspect-resource.js';
import { Quorum } from './quorum/quorum.js';
import { readHistory } from './quorum/read-history.js';
import { Runs } from './runs/runs.js';
import { StallGuard, type StartThread } from './stall/stall-guard.js';
import { AcquireOptionsResolver } from './validation/acquire-options.js';
import { resolveLockOptions } from './validation/lock-options.js';
import { resolveManagerOptions } from './validation/manager-options.js';
import { assertResource } from './validation/resources.js';

/** Where time and random numbers come from; a test brings its own. */
export interface LockManagerPorts {
  readonly clock?: Clock | undefined;
  /** A number from 0 to 1, as Math.random. Only pauses depend on it; holder ids come from node:crypto. */
  readonly random?: (() => number) | undefined;
}

/** What the simulation brings besides: a worker thread in virtual time. */
interface InnerPorts extends LockManagerPorts {
  readonly startThread?: StartThread | undefined;
}

/** The parts of a manager: put together here, and closed in their order. */
export class ManagerParts {
  readonly options: ResolvedManagerOptions;
  readonly acquireOptions: AcquireOptionsResolver;
  readonly clock: Clock;
  readonly events: LockEvents;
  readonly group: NodeGroup;
  readonly quorum: Quorum;
  /** Where locks are taken while the nodes cannot be reached. */
  readonly fallbackQuorum: Quorum | undefined;
  readonly fallbackState: FallbackState;
  readonly acquirer: Acquirer;
  readonly elections: Elections;
  readonly runs: Runs;
  /** The names of locks that listeners know. */
  readonly declared = new Set<string>();
  readonly #stallGuard: StallGuard | undefined;
  /** Whether the connections were closed. */
  #isDisconnected = false;

  /**
   * `manager` is what tells its leases from those of another manager. Throws a TypeError or RangeError that
   * names the option, the value and the bound.
   */
  constructor(manager: object, options: LockManagerOptions, ports: InnerPorts) {
    this.options = resolveManagerOptions(options);
    this.acquireOptions = new AcquireOptionsResolver(this.options);
    this.clock = ports.clock ?? systemClock;
    const random = ports.random ?? Math.random;
    this.events = new LockEvents(this.options.warn);
    const scheduler = new LeaseScheduler(this.clock, (delayMs) =>
      this.events.emit({ type: 'stalled', delayMs }),
    );
    // Before the stall guard, which reads them too: its error would not say which entry is wrong.
    const plans = readNodes(options.nodes, this.options.warn);
    const fallbackPlan = readFallback(options.fallback, plans);
    if (this.options.maxStallMs > 0) {
      this.#stallGuard = new StallGuard(options.nodes, this.options, this.clock, ports.startThread);
    }
    const { events } = this;
    const { warn } = this.options;
    this.group = new NodeGroup(plans, {
      options: this.options,
      clock: this.clock,
      random,
      events,
      onReady: (nodeIndex) => this.acquirer.leases.extendFor(nodeIndex),
    });
    const { nodes, membership, quarantine, isInMemory } = this.group;
    this.quorum = new Quorum(nodes, this.clock, events, membership);
    this.fallbackState = new FallbackState(isInMemory, this.clock, events, warn);
    this.fallbackQuorum = this.#openFallback(fallbackPlan, random);
    this.acquirer = new Acquirer({
      options: this.options,
      clock: this.clock,
      random,
      events,
      quorum: this.quorum,
      quarantine,
      fallbackQuorum: this.fallbackQuorum,
      onFallback: (active, reason) => this.fallbackState.set(active, reason),
      isInMemory,
      scheduler,
      guard: this.#stallGuard,
      starting: () => this.group.starting,
    });
    const context = {
      manager,
      clock: this.clock,
      random,
      events,
      worker: this.options.holder,
      warn,
      declare: (name: string) => this.declare(name),
      resolve: (acquireOptions: AcquireOptions) => this.acquireOptions.resolve(acquireOptions),
    };
    this.elections = new Elections({
      ...context,
      isDraining: () => this.acquirer.isDraining,
      acquire: (resource, resolved) => this.acquire([resource], resolved),
    });
    this.runs = new Runs({
      ...context,
      started: () => this.started(),
      isElection: (key) => this.elections.has(key),
      inspect: (key) => this.inspect(key),
      history: (key) => this.#history(key),
      acquire: (key, acquireOptions) => this.acquire([key], this.acquireOptions.resolve(acquireOptions)),
    });
  }

  /** Connects to the nodes, in the background, unless the manager grants nothing any more. */
  connect(): void {
    if (!this.acquirer.isDraining) this.group.connect();
  }

  acquire(resources: readonly string[], options: ResolvedAcquireOptions): Promise<HeldLease> {
    this.connect();
    return amongLive(() => this.acquirer.acquire(resources, options));
  }

  /** Makes the name of a lock known to listeners, unless they know it. */
  declare(name: string): void {
    if (this.declared.has(name)) return;
    this.declared.add(name);
    this.events.emit({ type: 'declared', name });
  }

  /** Resolves when each node is ready or has said why it is not. Connects if need be. */
  async started(): Promise<QuorumSnapshot> {
    this.connect();
    return (await this.group.started) ?? { ...this.group.count, ready: 0, reached: false };
  }

  /** What the nodes say of a resource. Rejects if it cannot be one. */
  async inspect(resource: string): Promise<Inspection> {
    assertResource(resource);
    this.connectFor([resource]);
    return inspectResource(this.quorum, this.clock, resource, this.nodeTimeoutMs);
  }

  #history(key: string): Promise<readonly PastRun[]> {
    this.connectFor([key]);
    return readHistory(this.quorum, this.clock, key, this.nodeTimeoutMs);
  }

  /** Connects if need be, because the nodes are to be asked about these resources. */
  connectFor(resources: readonly string[]): void {
    this.assertConnected(resources);
    this.connect();
  }

  /** How long a node may take to answer, in milliseconds, where no call says otherwise. */
  get nodeTimeoutMs(): number {
    const { lockDefaults, maxTtlMs } = this.options;
    return resolveLockOptions({}, lockDefaults, maxTtlMs).nodeTimeoutMs;
  }

  /** Where keys of a lock may be: on the nodes, and in the fallback. */
  get sides(): readonly Quorum[] {
    return this.fallbackQuorum === undefined ? [this.quorum] : [this.quorum, this.fallbackQuorum];
  }

  /** Whether there is a fallback, and it can grant. */
  get canFallBack(): boolean {
    return this.fallbackQuorum?.nodes.every(({ state }) => state.status === 'ready') === true;
  }

  /** Throws once the connections were closed. While the manager is drained, its nodes still answer. */
  assertConnected(resources: readonly string[]): void {
    if (this.#isDisconnected) throw new LockManagerClosedError(resources);
  }

  /** Nothing is granted any more, and the calls that wait end. */
  drain(): void {
    this.acquirer.drain();
    this.runs.drain();
    this.elections.close();
  }

  /** Waits for leases, ends those that are left, releases what is open, and closes the connections. */
  async close(drainMs: number, leaveKeys: boolean): Promise<void> {
    await this.acquirer.leases.whenEmpty(drainMs);
    this.acquirer.leases.close(leaveKeys);
    const { nodeTimeoutMs } = LOCK_DEFAULTS;
    await this.acquirer.whenIdle(nodeTimeoutMs);
    this.acquirer.close();
    for (const side of this.sides) side.releaseOpenRounds();
    await Promise.all(this.sides.map((side) => side.whenReleased(nodeTimeoutMs)));
    this.#isDisconnected = true;
    this.group.unwatch();
    this.fallbackState.close();
    const fallbackNodes = this.fallbackQuorum?.nodes ?? [];
    await Promise.all([
      this.group.closeNodes(),
      ...fallbackNodes.map((node) => node.close()),
      this.#stallGuard?.close(),
    ]);
    for (const { name } of this.group.nodes)
      this.events.emit({ type: 'node', node: { name, status: 'closed' } });
  }

  /** A quorum of one node, which is trusted as a single node is. It connects at once. */
  #openFallback(plan: NodePlan | undefined, random: () => number): Quorum | undefined {
    if (this.options.fallback === 'none') return undefined;
    const [clock, events] = [this.clock, this.events];
    const options = { ...this.options, restartQuarantine: 'off' } as const;
    const nodes =
      plan === undefined ? [openFallbackNode(clock)] : openNodes([plan], options, clock, random).nodes;
    return new Quorum(nodes, clock, events);
  }
}
