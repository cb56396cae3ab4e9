import type { Clock } from '../../clock.js';
import type { Vote } from '../../core/vote.js';
import type { VoteReceiver, LockNode, ReleaseRequest, QueueEntry } from '../../node/lock-node.js';
import type { KeyTracker } from './key-tracker.js';
import type { Timed, Timeout, Timeouts } from './call-timeouts.js';

export interface ReleaseResult {
  /** How many nodes said that the keys are gone. */
  readonly acknowledged: number;
  /** Whether a node notified a waiting process of the release. */
  readonly hasNotified: boolean;
}

export const NOTHING_RELEASED: ReleaseResult = { acknowledged: 0, hasNotified: false };

/** Keys that are to be released on every node where they may be. All instants are on the monotonic clock. */
export interface ReleaseOrder {
  /** The acquire call, or the lease, whose keys they are. */
  readonly id: number;
  readonly tracker: KeyTracker;
  readonly calledAt: number;
  /** The caller waits until then at most. */
  readonly dueAt: number;
  /** The keys stay until then, shortened, for a minimum hold. */
  readonly keepUntil: number;
  /** When the keys have expired by themselves. */
  readonly expiredAt: number;
  /** The caller waits for so many nodes at most. */
  readonly enough: number;
  /** The queue entry that goes to the end of the nodes' lists with the release. */
  readonly queueEntry: QueueEntry | undefined;
}

/** What all releases on the same nodes have in common. */
export interface ReleaseContext {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly nodes: readonly LockNode[];
  report(id: number, node: LockNode, op: 'release', vote: Vote, calledAt: number): void;
}

const RETRY_MS = 250;

/**
 * Releases keys to the end: those of late grants, of lost replies, and on nodes that cannot be reached now. A
 * node is done when it answered a release that nothing sent before can follow, or when the keys have expired.
 */
export class Releases {
  /** How many nodes are not done, over all releases. */
  #pending = 0;
  readonly #onAllDone = new Set<() => void>();

  constructor(readonly context: ReleaseContext) {}

  /** Asks the nodes to release. `onResult` is called once: when enough nodes have, or when the time is up. */
  begin(order: ReleaseOrder, onResult: (result: ReleaseResult) => void): void {
    new PendingRelease(this, order, onResult).begin();
  }

  async whenReleased(timeoutMs: number): Promise<void> {
    if (this.#pending === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#onAllDone.delete(done);
        resolve();
      };
      const timer = this.context.clock.setTimer(done, timeoutMs);
      this.#onAllDone.add(done);
    });
  }

  opened(nodes: number): void {
    this.#pending += nodes;
  }

  done(): void {
    if (--this.#pending === 0) for (const onAllDone of [...this.#onAllDone]) onAllDone();
  }
}

class PendingRelease implements VoteReceiver, Timed {
  #acknowledged = 0;
  #hasNotified = false;
  /** How many nodes have not given their first answer. */
  #outstanding = 0;
  /** `undefined` once the caller has the result. */
  #timeout: Timeout | undefined;
  /** The nodes that gave their first answer and are asked again. */
  #askedAgain: Set<number> | undefined;

  constructor(
    private readonly releases: Releases,
    private readonly order: ReleaseOrder,
    private readonly onResult: (result: ReleaseResult) => void,
  ) {}

  begin(): void {
    const { timeouts, nodes } = this.releases.context;
    const { tracker, dueAt, queueEntry } = this.order;
    this.#timeout = timeouts.begin(this, dueAt);
    for (let nodeIndex = 0; nodeIndex < nodes.length; nodeIndex++)
      if (tracker.mayHoldTheKey(nodeIndex)) this.#outstanding++;
    this.releases.opened(this.#outstanding);
    // One object for all nodes: then most of the work of encoding it is done once.
    const request = this.#request(queueEntry);
    for (let nodeIndex = 0; nodeIndex < nodes.length; nodeIndex++) {
      if (tracker.mayHoldTheKey(nodeIndex)) nodes[nodeIndex]!.ask(request, this, nodeIndex);
    }
    this.#endWaitIfEnough();
  }

  receive(nodeIndex: number, vote: Vote): void {
    if (this.#askedAgain?.has(nodeIndex) !== true) this.#countFirstAnswer(nodeIndex, vote);
    const { clock, nodes } = this.releases.context;
    const { tracker, expiredAt } = this.order;
    const now = clock.now();
    const node = nodes[nodeIndex]!;
    // A failure is enough if the node was never sent anything that could have set the key.
    const isReleased = vote.kind !== 'failed' || !tracker.mayHoldTheKey(nodeIndex);
    const isDone = isReleased && tracker.isFinal(nodeIndex, now);
    if (isDone || now >= expiredAt || node.state.status === 'closed') return this.releases.done();
    this.#askedAgain ??= new Set<number>();
    this.#askedAgain.add(nodeIndex);
    this.#retryLater(node, () => node.ask(this.#request(undefined), this, nodeIndex));
  }

  timeOut(): void {
    this.#endWait();
  }

  #countFirstAnswer(nodeIndex: number, vote: Vote): void {
    const { context } = this.releases;
    const { id, calledAt } = this.order;
    context.report(id, context.nodes[nodeIndex]!, 'release', vote, calledAt);
    this.#outstanding--;
    if (vote.kind !== 'failed') this.#acknowledged++;
    if (vote.kind === 'granted' && vote.waiting !== undefined) this.#hasNotified = true;
    this.#endWaitIfEnough();
  }

  #endWaitIfEnough(): void {
    if (this.#acknowledged < this.order.enough && this.#outstanding > 0) return;
    this.#timeout?.end();
    this.#endWait();
  }

  #endWait(): void {
    if (this.#timeout === undefined) return;
    this.#timeout = undefined;
    this.onResult({ acknowledged: this.#acknowledged, hasNotified: this.#hasNotified });
  }

  #request(queueEntry: QueueEntry | undefined): ReleaseRequest {
    const { tracker, keepUntil } = this.order;
    const { resources, holderId } = tracker;
    const keepMs = Math.max(0, keepUntil - this.releases.context.clock.now());
    return { op: 'release', resources, holderId, keepMs, queueEntry };
  }

  /**
   * When the node's state changes, or after a moment. Nobody waits for it, so its timer keeps no process
   * alive.
   */
  #retryLater(node: LockNode, retry: () => void): void {
    const done = (): void => {
      timer.cancel();
      stopListening();
      retry();
    };
    const timer = this.releases.context.clock.setTimer(done, RETRY_MS, 'background');
    const stopListening = node.onStateChange(done);
  }
}
