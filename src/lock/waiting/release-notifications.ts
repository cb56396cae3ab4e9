import type { Clock, Timer } from '../../clock.js';
import { splitWakeMs } from '../../core/backoff.js';
import { majorityOf } from '../../core/quorum.js';
import type { VoteReceiver, ReleaseListener, LockNode, QueueEntry } from '../../node/lock-node.js';
import { newHolderId } from '../quorum/holder-id.js';
import type { ResolvedManagerOptions } from '../../api/options.js';
import type { WaitQueue } from './wait-queue.js';

/** A wake-up is a hint: nobody asks what came of it. */
const NOBODY: VoteReceiver = { receive: () => undefined };

/** Of one release, as the nodes tell of it one after the other. */
interface Notified {
  readonly told: Set<number>;
  isOut: boolean;
  readonly timer: Timer;
}

/**
 * What the nodes tell of resources that may be free. A majority that says so is believed at once; fewer may be a process that
 * passes by, or the rest may still come: then a moment later. All of it are hints, and safety does not depend on them.
 */
export class ReleaseNotifications {
  /** With which words this process waits. */
  readonly queueEntry: QueueEntry;
  readonly #notified = new Map<string, Notified>();
  #listeners: readonly ReleaseListener[] | undefined;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly queue: WaitQueue,
    { holder, maxTtlMs: longestTtlMs }: Pick<ResolvedManagerOptions, 'holder' | 'maxTtlMs'>,
  ) {
    this.queueEntry = {
      waiter: `${holder}:${newHolderId('').slice(0, -1)}`, // Who waits looks at least as often as the longest TTL is over.
      listLivesMs: longestTtlMs + 5_000,
    };
  }

  /** Whether a majority would be heard. */
  get isListening(): boolean {
    return (
      (this.#listeners ?? []).filter((listener) => listener.open).length >= majorityOf(this.nodes.length)
    );
  }

  /** Opens the ears, at the first call. */
  open(): void {
    // A node without notifications counts as one that is not heard.
    this.#listeners ??= this.nodes.flatMap(
      (node, nodeIndex) =>
        node.onRelease?.(this.queueEntry.waiter, (resource) => this.#hear(nodeIndex, resource)) ?? [],
    );
  }

  close(): void {
    for (const listener of this.#listeners ?? []) listener.close();
    for (const { timer } of this.#notified.values()) timer.cancel();
    this.#notified.clear();
  }

  #hear(nodeIndex: number, resource: string | undefined): void {
    if (resource === undefined) {
      // It has just opened, or was closed for a while: something may have been missed.
      for (const missed of this.queue.resources) this.#count(nodeIndex, missed);
    } else if (this.queue.isWaitedFor(resource)) {
      this.#count(nodeIndex, resource);
    } else {
      // Whoever waited here has gone: it is for the next one.
      this.passOn([resource], [this.nodes[nodeIndex]!]);
    }
  }

  /** Lets the nodes tell the next on the lists, where nobody has the resource. */
  passOn(resources: readonly string[], nodes: readonly LockNode[] = this.nodes): void {
    const request = { op: 'wake', resources, holderId: this.queueEntry.waiter } as const;
    for (const node of nodes) node.ask(request, NOBODY, 0);
  }

  #count(nodeIndex: number, resource: string): void {
    let notified = this.#notified.get(resource);
    // Twice from the same node: this is of another release.
    if (notified?.told.has(nodeIndex) === true) notified = this.#forget(resource, notified);
    if (notified === undefined) {
      const timer = this.clock.setTimer(
        () => this.#settle(resource),
        splitWakeMs(this.random()),
        'background',
      );
      this.#notified.set(resource, (notified = { told: new Set(), isOut: false, timer }));
    }
    notified.told.add(nodeIndex);
    if (!notified.isOut && notified.told.size >= majorityOf(this.nodes.length)) {
      notified.isOut = true;
      this.queue.mayBeFree([resource]);
    }
  }

  #forget(resource: string, notified: Notified): undefined {
    notified.timer.cancel();
    this.#notified.delete(resource);
  }

  #settle(resource: string): void {
    const notified = this.#notified.get(resource);
    this.#notified.delete(resource);
    if (notified?.isOut === false) this.queue.mayBeFree([resource]);
  }
}
