import type { Clock } from '../../clock.js';
import type { QuarantineTerm } from '../../core/quarantine.js';
import { listed, shortened } from '../../api/bounded-text.js';
import type { NodeSnapshot, QuorumSnapshot } from '../../api/events.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodePlan } from '../../node/node-options.js';
import { Bootstrap } from './bootstrap.js';
import { Membership } from './membership.js';
import { openNodes } from './node-list.js';
import { NodeViews } from './node-views.js';
import { snapshotOf, watchNodes } from './node-watch.js';
import { QuarantineLifter } from './quarantine-lifter.js';
import { QuorumWatch } from './quorum-watch.js';

export interface NodeGroupContext {
  readonly options: ResolvedManagerOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: LockEvents;
  /** Called when a node votes again. */
  readonly onReady: (nodeIndex: number) => void;
}

/** The nodes of a manager: opened, watched, and what only all of them together can tell. */
export class NodeGroup {
  readonly nodes: readonly LockNode[];
  readonly quarantine: QuarantineTerm;
  /** Under which list of nodes this client votes. */
  readonly membership: Membership;
  readonly #clock: Clock;
  readonly #events: LockEvents;
  readonly #views: NodeViews;
  /** Where a quarantine may end early. */
  readonly #lifter: QuarantineLifter | undefined;
  readonly #unwatch: () => void;
  #want: () => void = () => undefined;
  /** Both are `undefined` until the nodes are wanted. */
  #bootstrap: Bootstrap | undefined;
  #quorumWatch: QuorumWatch | undefined;

  /** Opens the nodes. They connect at `connect`. */
  constructor(plans: readonly NodePlan[], { options, clock, random, events, onReady }: NodeGroupContext) {
    const { lazyConnect, maxTtlMs, restartQuarantine, driftFactor, warn } = options;
    this.#clock = clock;
    this.#events = events;
    const wanted = new Promise<void>((resolve) => (this.#want = resolve));
    const opened = openNodes(plans, options, clock, random, lazyConnect ? wanted : undefined);
    const { nodes, quarantine } = opened;
    this.nodes = nodes;
    this.quarantine = quarantine;
    this.#views = new NodeViews(nodes, clock, maxTtlMs, quarantine.ms > 0);
    // In a turn of its own: the change of a node is told before what it means for the quorum.
    const onChange = (): void => void Promise.resolve().then(() => this.#quorumWatch?.look());
    const settings = { maxTtlMs, warn, isObserver: false, onChange };
    this.membership = new Membership(nodes, this.#views, clock, events, settings, random);
    this.#unwatch = watchNodes(nodes, this.#views, clock, events, warn, onReady);
    if (restartQuarantine === 'auto')
      this.#lifter = new QuarantineLifter(nodes, clock, this.membership, driftFactor);
  }

  /** Whether all nodes are in the memory of this process: locks exclude nobody else. */
  get isInMemory(): boolean {
    return this.nodes.every(({ scope }) => scope === 'process');
  }

  /** How many nodes are ready now, and whether enough of them vote under the list that is in use. */
  get count(): QuorumSnapshot {
    const ready = this.#views.readyNodes;
    const needed = this.#majority;
    const { votingNodes, whyFewVote } = this.membership;
    const reached = votingNodes >= needed;
    // All may be ready and too few: the list in use may have more nodes than this process.
    const isWithoutVotes = !reached && (ready >= needed || ready === this.nodes.length);
    return {
      ready,
      needed,
      nodes: this.nodes.length,
      reached,
      ...(isWithoutVotes ? { reason: whyFewVote } : {}),
    };
  }

  /** Whether it is still to be found out which list of nodes is in use. */
  get isListAwaited(): boolean {
    return this.membership.starting !== undefined;
  }

  /** Resolves when the nodes and their list are known well enough to be asked; `undefined` once they are. */
  get starting(): Promise<void> | undefined {
    const { starting } = this.membership;
    const bootstrapped = this.#bootstrap?.starting;
    if (bootstrapped === undefined || starting === undefined) return bootstrapped ?? starting;
    return Promise.all([bootstrapped, starting]).then(() => undefined);
  }

  /** Resolves when each node is ready or has said why not, and their list is known; see `QuorumWatch`. */
  get started(): Promise<QuorumSnapshot> | undefined {
    return this.#quorumWatch?.started;
  }

  /** Connects in the background; a second call does nothing. */
  connect(): void {
    if (this.#bootstrap !== undefined) return;
    this.#bootstrap = new Bootstrap(this.nodes, this.#clock, this.#majority, this.quarantine);
    this.#quorumWatch = new QuorumWatch(this.nodes, this, this.#clock, (quorum, atStart) =>
      this.#events.emit({ type: 'quorum', atStart, quorum }),
    );
    this.membership.begin();
    void this.membership.starting?.then(() => this.#quorumWatch?.look());
    this.#want();
  }

  /** The nodes in their order, and the state of each. */
  snapshots(): readonly NodeSnapshot[] {
    return this.nodes.map((node, nodeIndex) =>
      snapshotOf(node, this.#views.twinOf(nodeIndex), this.#clock.now()),
    );
  }

  /** Ends the quarantine of a node. Rejects with a RangeError if no node has that name. */
  async trust(name: string): Promise<void> {
    const node = this.#named(name);
    this.connect();
    await node.memory?.trust();
  }

  /** Ends what watches the nodes; the nodes themselves are closed by `closeNodes`. */
  unwatch(): void {
    this.#bootstrap?.close();
    this.#quorumWatch?.close();
    this.#lifter?.close();
    this.#unwatch();
    this.membership.close();
  }

  /**
   * Closes the nodes. A node in memory lives on for other managers that share it; for this one it is closed.
   */
  async closeNodes(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  get #majority(): number {
    return this.membership.current.majority;
  }

  #named(name: string): LockNode {
    const node = this.nodes.find((one) => one.name === name);
    if (node !== undefined) return node;
    const names = this.nodes.map((one) => one.name);
    throw new RangeError(
      `no node is called ${JSON.stringify(shortened(String(name)))}; there are ${listed(names, 5)}`,
    );
  }
}
