import type { QuorumSnapshot } from '../../api/events.js';
import { setAttendedTimer, type Clock, type Timer } from '../../clock.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodeState } from '../../node/node-state.js';
import { START_MS } from './bootstrap.js';

/** What the watch asks of the nodes. */
export interface WatchedQuorum {
  /** How many nodes are ready, and whether locks can be had. */
  readonly count: QuorumSnapshot;
  /** Whether it is still to be found out which list of nodes is in use. */
  readonly isListAwaited: boolean;
}

/**
 * Whether a majority of the nodes is ready, and votes under one list. It is told once when the start is over,
 * so that a wrong address is seen at the boot and not at the first lock, and then at every loss and return of
 * the majority. The start is over when each node is ready or has said why not, and their list is known, or
 * after `START_MS`.
 */
export class QuorumWatch {
  /** Resolves when the start is over, or when the watch was closed before. */
  readonly started: Promise<QuorumSnapshot>;
  readonly #nodes: readonly LockNode[];
  readonly #quorum: WatchedQuorum;
  readonly #tell: (quorum: QuorumSnapshot, atStart: boolean) => void;
  readonly #stops: (() => void)[];
  readonly #timer: Timer;
  #resolve: (quorum: QuorumSnapshot) => void = () => undefined;
  /** `undefined` until the start is over. */
  #wasReached: boolean | undefined;
  #areNodesKnown = false;
  #isClosed = false;

  constructor(
    nodes: readonly LockNode[],
    quorum: WatchedQuorum,
    clock: Clock,
    tell: (quorum: QuorumSnapshot, atStart: boolean) => void,
  ) {
    this.#nodes = nodes;
    this.#quorum = quorum;
    this.#tell = tell;
    this.started = new Promise((resolve) => (this.#resolve = resolve));
    const timeUp = (): void => {
      this.#endNodes();
      this.look();
    };
    this.#timer = setAttendedTimer(clock, timeUp, START_MS, 'background');
    this.#stops = nodes.map((node) => node.onStateChange(() => this.look()));
    // Nodes in memory are ready at once, and nobody can have subscribed yet.
    void Promise.resolve().then(() => this.look());
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
    this.#timer.cancel();
    this.#resolve(this.#quorum.count);
  }

  /** Something has changed, of the nodes or of their list. */
  look(): void {
    if (this.#isClosed) return;
    if (this.#wasReached === undefined) {
      if (this.#nodes.every(({ state: { status } }) => !MAY_CHANGE_SOON.has(status))) this.#endNodes();
      if (this.#areNodesKnown && !this.#quorum.isListAwaited) this.#endStart();
      return;
    }
    const quorum = this.#quorum.count;
    if (quorum.reached === this.#wasReached) return;
    this.#wasReached = quorum.reached;
    this.#tell(quorum, false);
  }

  /** The nodes are not waited for any more. Their list is; until it is known, all count that are ready. */
  #endNodes(): void {
    this.#areNodesKnown = true;
    this.#timer.cancel();
  }

  #endStart(): void {
    const quorum = this.#quorum.count;
    this.#wasReached = quorum.reached;
    this.#tell(quorum, true);
    this.#resolve(quorum);
  }
}

const MAY_CHANGE_SOON: ReadonlySet<NodeState['status']> = new Set(['connecting', 'new']);
