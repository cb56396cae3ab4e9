import type { QuorumSnapshot } from '../../api/events.js';
import { setAttendedTimer, type Clock, type Timer } from '../../clock.js';
import type { LockNode } from '../../node/lock-node.js';
import { START_MS } from './bootstrap.js';
import type { NodeViews } from './node-views.js';

/**
 * Whether a majority of the nodes is ready. It is told once when the start is over, so that a wrong address
 * is seen at the boot and not at the first lock, and then at every loss and return of the majority. The start
 * is over when each node is ready or has said why not, or after `START_MS`.
 */
export class QuorumWatch {
  /** Resolves when the start is over, or when the watch was closed before. */
  readonly started: Promise<QuorumSnapshot>;
  readonly #nodes: readonly LockNode[];
  readonly #views: NodeViews;
  readonly #needed: number;
  readonly #tell: (quorum: QuorumSnapshot, atStart: boolean) => void;
  readonly #stops: (() => void)[];
  #timer: Timer | undefined;
  #resolve: (quorum: QuorumSnapshot) => void = () => undefined;
  /** `undefined` until the start is over. */
  #wasReached: boolean | undefined;
  #isClosed = false;

  constructor(
    nodes: readonly LockNode[],
    views: NodeViews,
    clock: Clock,
    majority: number,
    tell: (quorum: QuorumSnapshot, atStart: boolean) => void,
  ) {
    this.#nodes = nodes;
    this.#views = views;
    this.#needed = majority;
    this.#tell = tell;
    this.started = new Promise((resolve) => (this.#resolve = resolve));
    this.#timer = setAttendedTimer(clock, () => this.#endStart(), START_MS, 'background');
    this.#stops = nodes.map((node) => node.onStateChange(() => this.#onChange()));
    // Nodes in memory are ready at once, and nobody can have subscribed yet.
    void Promise.resolve().then(() => this.#onChange());
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
    this.#timer?.cancel();
    this.#resolve(this.#count());
  }

  #onChange(): void {
    if (this.#isClosed) return;
    if (this.#wasReached === undefined) {
      if (this.#nodes.every(({ state: { status } }) => status !== 'connecting' && status !== 'new'))
        this.#endStart();
      return;
    }
    const quorum = this.#count();
    if (quorum.reached === this.#wasReached) return;
    this.#wasReached = quorum.reached;
    this.#tell(quorum, false);
  }

  #endStart(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const quorum = this.#count();
    this.#wasReached = quorum.reached;
    this.#tell(quorum, true);
    this.#resolve(quorum);
  }

  #count(): QuorumSnapshot {
    const ready = this.#views.readyNodes;
    return { ready, needed: this.#needed, nodes: this.#nodes.length, reached: ready >= this.#needed };
  }
}
