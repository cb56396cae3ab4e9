import type { Clock } from '../../clock.js';
import type { RunMark } from '../../core/run.js';
import type { RunNote } from '../../core/run-history.js';
import type { Vote } from '../../core/vote.js';
import type { VoteReceiver, LockNode } from '../../node/lock-node.js';
import type { ReleaseRequest, QueueEntry } from '../../node/node-request.js';
import type { KeyTracker } from './key-tracker.js';
import type { PendingFinish } from './pending-finish.js';
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
  /** The caller waits for this many nodes at most. */
  readonly enough: number;
  /** The queue entry that goes to the end of the nodes' lists with the release. */
  readonly queueEntry: QueueEntry | undefined;
  /** The end of a run, which goes to all nodes with the release. */
  readonly finish?: PendingFinish | undefined;
  /** A run that never began: where it is on record as started, it is taken back. */
  readonly open?: RunMark | undefined;
  /** What each node is to remember of the run. */
  readonly note?: RunNote | undefined;
}

/** What all releases on the same nodes have in common. */
export interface ReleaseContext {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly nodes: readonly LockNode[];
  report(id: number, node: LockNode, op: 'release', vote: Vote, calledAt: number): void;
}

const RETRY_MS = 250;
/** The longest pause before the end of a run is sent again. */
const LONGEST_RETRY_MS = 10_000;

/**
 * Releases keys to the end: those of late grants, of lost replies, and on nodes that cannot be reached now. A
 * node is done when it answered a release that nothing sent before can follow, or when the keys have expired.
 * If the release carries the end of a run, a majority must have that on record, too.
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
  /** `undefined` once it was called: a node that answers much later keeps nobody alive who waited. */
  #onResult: ((result: ReleaseResult) => void) | undefined;

  constructor(
    private readonly releases: Releases,
    private readonly order: ReleaseOrder,
    onResult: (result: ReleaseResult) => void,
  ) {
    this.#onResult = onResult;
  }

  begin(): void {
    const { timeouts, nodes } = this.releases.context;
    const { dueAt, queueEntry } = this.order;
    this.#timeout = timeouts.begin(this, dueAt);
    for (let nodeIndex = 0; nodeIndex < nodes.length; nodeIndex++)
      if (this.#isToBeAsked(nodeIndex)) this.#outstanding++;
    this.releases.opened(this.#outstanding);
    // One object for all nodes: then most of the work of encoding it is done once.
    const request = this.#request(queueEntry);
    for (let nodeIndex = 0; nodeIndex < nodes.length; nodeIndex++) {
      if (this.#isToBeAsked(nodeIndex)) nodes[nodeIndex]!.ask(request, this, nodeIndex);
    }
    this.#endWaitIfEnough();
  }

  #isToBeAsked(nodeIndex: number): boolean {
    const { finish, tracker } = this.order;
    return finish !== undefined || tracker.mayHoldTheKey(nodeIndex);
  }

  receive(nodeIndex: number, vote: Vote): void {
    if (this.#askedAgain?.has(nodeIndex) !== true) this.#countFirstAnswer(nodeIndex, vote);
    const { clock, nodes } = this.releases.context;
    const { tracker, expiredAt, finish } = this.order;
    const now = clock.now();
    const isClosed = nodes[nodeIndex]!.state.status === 'closed';
    finish?.answered(nodeIndex, vote, now);
    if (isClosed) finish?.closed(nodeIndex);
    // A failure is enough if the node was never sent anything that could have set the key.
    const isReleased = isCarriedOut(vote) || !tracker.mayHoldTheKey(nodeIndex);
    const areKeysGone = (isReleased && tracker.isFinal(nodeIndex, now)) || now >= expiredAt;
    const isDone = areKeysGone && finish?.isWaitingFor(nodeIndex) !== true;
    if (isDone || isClosed) this.releases.done();
    else this.#askAgain(nodeIndex, areKeysGone, now);
  }

  timeOut(): void {
    this.#endWait();
  }

  #askAgain(nodeIndex: number, areKeysGone: boolean, now: number): void {
    const node = this.releases.context.nodes[nodeIndex]!;
    this.#askedAgain ??= new Set<number>();
    this.#askedAgain.add(nodeIndex);
    this.#retryLater(node, areKeysGone ? this.#finishRetryMs(now) : RETRY_MS, () => {
      if (areKeysGone && this.order.finish?.isWaitingFor(nodeIndex) !== true) this.releases.done();
      else node.ask(this.#request(undefined), this, nodeIndex);
    });
  }

  #countFirstAnswer(nodeIndex: number, vote: Vote): void {
    const { context } = this.releases;
    const { id, calledAt } = this.order;
    context.report(id, context.nodes[nodeIndex]!, 'release', vote, calledAt);
    this.#outstanding--;
    if (isCarriedOut(vote)) this.#acknowledged++;
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
    const onResult = this.#onResult;
    this.#onResult = undefined;
    onResult?.({ acknowledged: this.#acknowledged, hasNotified: this.#hasNotified });
  }

  #request(queueEntry: QueueEntry | undefined): ReleaseRequest {
    const { tracker, keepUntil, finish, open, note } = this.order;
    const { resources, holderId } = tracker;
    const keepMs = Math.max(0, keepUntil - this.releases.context.clock.now());
    const plain = { op: 'release', resources, holderId, keepMs, queueEntry } as const;
    const request = note === undefined ? plain : { ...plain, note };
    if (finish !== undefined) return { ...request, finish: finish.mark };
    return open === undefined ? request : { ...request, open };
  }

  /** The longer nothing came of it, the longer the pause: a node that comes back is asked at once anyway. */
  #finishRetryMs(now: number): number {
    return Math.min(LONGEST_RETRY_MS, Math.max(RETRY_MS, (now - this.order.calledAt) / 4));
  }

  /**
   * When the node's state changes, or after a moment. Nobody waits for it, so its timer keeps no process
   * alive.
   */
  #retryLater(node: LockNode, delayMs: number, retry: () => void): void {
    const done = (): void => {
      timer.cancel();
      stopListening();
      retry();
    };
    const timer = this.releases.context.clock.setTimer(done, delayMs, 'background');
    const stopListening = node.onStateChange(done);
  }
}

/** A node in quarantine carries a release out, but what it says of a run does not count. */
const isCarriedOut = (vote: Vote): boolean => vote.kind !== 'failed' || vote.reason === 'untrusted';
