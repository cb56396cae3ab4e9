import type { Clock } from '../../clock.js';
import type { Vote } from '../../core/vote.js';
import type { VoteReceiver, LockNode, ReleaseRequest, QueueEntry } from '../../node/lock-node.js';
import type { KeyTracker } from './key-tracker.js';
import type { Timed, Timeout, Timeouts } from './call-timeouts.js';

/** How many nodes said that the keys are gone, and whether any of them told somebody who waits. */
export interface ReleaseResult {
  readonly acknowledged: number;
  readonly isTold: boolean;
}

export const NOTHING_RELEASED: ReleaseResult = { acknowledged: 0, isTold: false };

/** What is to be taken back from all nodes where it may be. */
export interface ReleaseOrder {
  readonly tracker: KeyTracker;
  readonly calledAt: number;
  /** Until then an answer of the nodes is waited for. */
  readonly dueAt: number;
  /** Minimum hold: until then the keys stay, shortened. */
  readonly keepUntil: number;
  /** When the keys have expired by themselves. */
  readonly expiredAt: number;
  /** How many nodes are enough for whoever waits. */
  readonly enough: number;
  /** Who goes on the list of those who wait there. */
  readonly queueEntry: QueueEntry | undefined;
}

/** What all debts to the same nodes have in common. */
export interface ReleaseContext {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly nodes: readonly LockNode[];
  report(node: LockNode, op: 'release', vote: Vote, calledAt: number): void;
}

const RETRY_MS = 250;

/**
 * The owner of what is left on nodes, to the end: of late grants, of lost replies, of nodes that cannot be reached now.
 * A debt is paid when the node answered a release that nothing sent before can follow, or when the keys have expired.
 */
export class Releases {
  #open = 0;
  readonly #onReleased = new Set<() => void>();

  constructor(readonly context: ReleaseContext) {}

  /** Asks the nodes to release; `heard` is called once, when enough have or nothing more is to be heard in time. */
  begin(order: ReleaseOrder, heard: (given: ReleaseResult) => void): void {
    new PendingRelease(this, order, heard).begin();
  }

  async whenReleased(timeoutMs: number): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#onReleased.delete(done);
        resolve();
      };
      const timer = this.context.clock.setTimer(done, timeoutMs);
      this.#onReleased.add(done);
    });
  }

  opened(nodes: number): void {
    this.#open += nodes;
  }

  done(): void {
    if (--this.#open === 0) for (const whenReleased of [...this.#onReleased]) whenReleased();
  }
}

/** One debt while it is being paid. */
class PendingRelease implements VoteReceiver, Timed {
  #acknowledged = 0;
  #isTold = false;
  /** How many nodes have not given their first answer. */
  #outstanding = 0;
  #timeout: Timeout | undefined;
  /** Who has given its first answer and is asked again. */
  #again: Set<number> | undefined;

  constructor(
    private readonly owner: Releases,
    private readonly order: ReleaseOrder,
    private readonly heard: (given: ReleaseResult) => void,
  ) {}

  begin(): void {
    const { timeouts, nodes } = this.owner.context;
    const { tracker, dueAt, queueEntry } = this.order;
    this.#timeout = timeouts.begin(this, dueAt);
    for (let nodeIndex = 0; nodeIndex < nodes.length; nodeIndex++)
      if (tracker.mayHoldTheKey(nodeIndex)) this.#outstanding++;
    this.owner.opened(this.#outstanding);
    // The same words for all: most of the work of a request is done once.
    const request = this.#request(queueEntry);
    for (let nodeIndex = 0; nodeIndex < nodes.length; nodeIndex++) {
      if (tracker.mayHoldTheKey(nodeIndex)) nodes[nodeIndex]!.ask(request, this, nodeIndex);
    }
    this.#tell();
  }

  receive(nodeIndex: number, vote: Vote): void {
    if (this.#again?.has(nodeIndex) !== true) this.#first(nodeIndex, vote);
    const { clock, nodes } = this.owner.context;
    const { tracker, expiredAt } = this.order;
    const now = clock.now();
    const node = nodes[nodeIndex]!;
    // Where nothing was ever sent there is nothing to be taken back.
    const isOff = vote.kind !== 'failed' || !tracker.mayHoldTheKey(nodeIndex);
    const isDone = isOff && tracker.isFinal(nodeIndex, now);
    if (isDone || now >= expiredAt || node.state.status === 'closed') return this.owner.done();
    this.#again ??= new Set<number>();
    this.#again.add(nodeIndex);
    this.#later(node, () => node.ask(this.#request(undefined), this, nodeIndex));
  }

  timeOut(): void {
    this.#end();
  }

  #first(nodeIndex: number, vote: Vote): void {
    const { context } = this.owner;
    context.report(context.nodes[nodeIndex]!, 'release', vote, this.order.calledAt);
    this.#outstanding--;
    if (vote.kind !== 'failed') this.#acknowledged++;
    if (vote.kind === 'granted' && vote.waiting !== undefined) this.#isTold = true;
    this.#tell();
  }

  #tell(): void {
    if (this.#acknowledged < this.order.enough && this.#outstanding > 0) return;
    this.#timeout?.end();
    this.#end();
  }

  #end(): void {
    if (this.#timeout === undefined) return;
    this.#timeout = undefined;
    this.heard({ acknowledged: this.#acknowledged, isTold: this.#isTold });
  }

  #request(queueEntry: QueueEntry | undefined): ReleaseRequest {
    const { tracker, keepUntil } = this.order;
    const { resources, holderId } = tracker;
    const keepMs = Math.max(0, keepUntil - this.owner.context.clock.now());
    return { op: 'release', resources, holderId, keepMs, queueEntry };
  }

  /** When the node's state changes, or a moment has passed. Nobody waits for it, so it keeps no process alive. */
  #later(node: LockNode, then: () => void): void {
    const done = (): void => {
      timer.cancel();
      stop();
      then();
    };
    const timer = this.owner.context.clock.setTimer(done, RETRY_MS, 'background');
    const stop = node.onStateChange(done);
  }
}
