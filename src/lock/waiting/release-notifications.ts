import type { Clock, Timer } from '../../clock.js';
import { splitWakeMs } from '../../core/backoff.js';
import type { QuarantineTerm } from '../../core/quarantine.js';
import { majorityOf } from '../../core/quorum.js';
import type { VoteReceiver, ReleaseListener, LockNode } from '../../node/lock-node.js';
import type { QueueEntry } from '../../node/node-request.js';
import { newHolderId } from '../quorum/holder-id.js';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';
import type { WaitQueue } from './wait-queue.js';

/** Nobody asks what came of a notification that was passed on. */
const NOBODY: VoteReceiver = { receive: () => undefined };

/**
 * A list must live longer than its waiters sleep: they look again when the keys of the holder have expired.
 */
const LIST_LIVES_LONGER_MS = 5_000;

/** One release, of which the nodes notify this process one after the other. */
interface Release {
  /** The nodes that have notified it. */
  readonly nodes: Set<number>;
  /** Whether the queue was told of it. */
  hasWokenQueue: boolean;
  readonly timer: Timer;
}

/**
 * The nodes' notifications that resources may be free. If a majority says so, the queue is told at once. If
 * fewer do, the others may still follow, or a process only passes by: then the queue is told a moment later.
 * Notifications are hints: safety does not depend on them.
 */
export class ReleaseNotifications {
  #queueEntry: QueueEntry;
  readonly #releases = new Map<string, Release>();
  #listeners: readonly ReleaseListener[] | undefined;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly queue: WaitQueue,
    { holder, maxTtlMs }: Pick<ResolvedManagerOptions, 'holder' | 'maxTtlMs'>,
    private readonly quarantine: QuarantineTerm,
  ) {
    const waiter = `${holder}:${newHolderId('').slice(0, -1)}`;
    this.#queueEntry = { waiter, listLivesMs: maxTtlMs + LIST_LIVES_LONGER_MS };
  }

  /** The entry of this process on the nodes' lists of those who wait. A list outlives every lease. */
  get queueEntry(): QueueEntry {
    const listLivesMs = this.quarantine.ms + LIST_LIVES_LONGER_MS;
    if (this.#queueEntry.listLivesMs < listLivesMs) this.#queueEntry = { ...this.#queueEntry, listLivesMs };
    return this.#queueEntry;
  }

  /** Whether a majority of the nodes would be heard. */
  get isListening(): boolean {
    const open = (this.#listeners ?? []).filter((listener) => listener.open).length;
    return open >= majorityOf(this.nodes.length);
  }

  /** Begins to listen, at the first call. */
  open(): void {
    // A node without notifications counts as one that is not heard.
    this.#listeners ??= this.nodes.flatMap(
      (node, nodeIndex) =>
        node.onRelease?.(this.queueEntry.waiter, (resource) => this.#onNotification(nodeIndex, resource)) ??
        [],
    );
  }

  close(): void {
    for (const listener of this.#listeners ?? []) listener.close();
    for (const { timer } of this.#releases.values()) timer.cancel();
    this.#releases.clear();
  }

  /** Asks the nodes to notify the next process on their lists, unless somebody holds the resource. */
  passOn(resources: readonly string[], nodes: readonly LockNode[] = this.nodes): void {
    const request = { op: 'wake', resources, holderId: this.queueEntry.waiter } as const;
    for (const node of nodes) node.ask(request, NOBODY, 0);
  }

  /**
   * `undefined`: the node's listener has opened, perhaps again, so a notification of any resource may have
   * been missed.
   */
  #onNotification(nodeIndex: number, resource: string | undefined): void {
    if (resource === undefined) {
      for (const waitedFor of this.queue.resources) this.#count(nodeIndex, waitedFor);
    } else if (this.queue.isWaitedFor(resource)) {
      this.#count(nodeIndex, resource);
    } else {
      // Whoever waited here has gone: the notification is for the next process.
      this.passOn([resource], [this.nodes[nodeIndex]!]);
    }
  }

  #count(nodeIndex: number, resource: string): void {
    let release = this.#releases.get(resource);
    // A second notification of the same node belongs to another release.
    if (release?.nodes.has(nodeIndex) === true) {
      release.timer.cancel();
      release = undefined;
    }
    if (release === undefined) {
      const waitMs = splitWakeMs(this.random());
      const timer = this.clock.setTimer(() => this.#endRelease(resource), waitMs, 'background');
      release = { nodes: new Set(), hasWokenQueue: false, timer };
      this.#releases.set(resource, release);
    }
    release.nodes.add(nodeIndex);
    if (!release.hasWokenQueue && release.nodes.size >= majorityOf(this.nodes.length)) {
      release.hasWokenQueue = true;
      this.queue.mayBeFree([resource]);
    }
  }

  #endRelease(resource: string): void {
    const release = this.#releases.get(resource);
    this.#releases.delete(resource);
    if (release?.hasWokenQueue === false) this.queue.mayBeFree([resource]);
  }
}
