import type { Clock } from '../../clock.js';
import type { NotAcquired } from '../acquire/attempt.js';
import type { HeldKeys } from '../lease/held-keys.js';
import { keyOf, type AllHeldKeys } from '../lease/all-held-keys.js';
import { Fifo, type FifoEntry } from './fifo.js';

/** A waiter in a line. */
export interface QueuedWaiter {
  /** It may be its turn, or what it waits for may be free: it looks again. */
  wake(): void;
  /**
   * Whether it takes over these keys. It does not if its terms forbid it, or if it waits no longer. If it
   * does, nothing else can end its wait any more, and `takeOver` follows.
   */
  accept(keys: HeldKeys): boolean;
  /** Makes its lease of the keys that it accepted. */
  takeOver(keys: HeldKeys): void;
}

/**
 * Why the first in a line does not ask the nodes although this process has just released the resources.
 * Processes that wait elsewhere go first: the process that released would always be the quickest to ask
 * again.
 *
 * - `releasePending`: the nodes have not yet said whether they notified another process.
 * - `othersNotified`: they notified one, which will have the resources in a moment.
 * - `queued`: they notified one, and this process is on their lists: it is notified when it is its turn.
 */
export type YieldReason = 'releasePending' | 'othersNotified' | 'queued';

/** For how long the notified processes go first. */
const OTHERS_FIRST_MS = 8;

/** The waiters of this process for the same list of resources, in the order in which they came. */
interface Line {
  readonly resources: readonly string[];
  readonly waiters: Fifo<QueuedWaiter>;
  /** What its last attempt got. */
  lastResult: NotAcquired | undefined;
  yieldReason: YieldReason | undefined;
  /** How many processes it is behind on the nodes' lists, if it is `queued`. */
  queuedBehind: number;
}

/** The place of a waiter in its line. */
export class Place {
  constructor(
    readonly line: Pick<Line, 'lastResult' | 'yieldReason' | 'queuedBehind' | 'waiters'>,
    private readonly entry: FifoEntry<QueuedWaiter>,
    private readonly onFirstLeft: () => void,
  ) {}

  get isFirst(): boolean {
    return this.line.waiters.isFirst(this.entry);
  }

  /** May be called twice. */
  leave(): void {
    const wasFirst = this.isFirst;
    if (this.line.waiters.remove(this.entry) && wasFirst) this.onFirstLeft();
  }
}

/**
 * The waiters of this process, in one line for each list of resources: first come, first served. Only the
 * first in a line asks the nodes, and it does not ask either while this process holds the resources.
 */
export class WaitQueue {
  readonly #lines = new Map<string, Line>();
  readonly #linesByResource = new Map<string, Set<Line>>();
  /** Resources that this process has just released: the reason for which a new line yields. */
  readonly #released = new Map<string, YieldReason>();

  constructor(
    private readonly clock: Clock,
    private readonly held: AllHeldKeys,
  ) {}

  /** How many waiters are in line for exactly these resources. */
  countWaiters(resources: readonly string[]): number {
    return this.#lines.size === 0 ? 0 : (this.#lines.get(keyOf(resources))?.waiters.size ?? 0);
  }

  join(resources: readonly string[], waiter: QueuedWaiter): Place {
    const key = keyOf(resources);
    let line = this.#lines.get(key);
    if (line === undefined) {
      const yieldReason = this.#released.get(key);
      line = { resources, waiters: new Fifo(), lastResult: undefined, yieldReason, queuedBehind: 0 };
      this.#add(key, line);
    }
    const entry = line.waiters.add(waiter);
    return new Place(line, entry, () => this.#onFirstLeft(line, key));
  }

  /** The keys that this process holds for exactly these resources. */
  heldKeys(resources: readonly string[]): HeldKeys | undefined {
    return this.held.get(resources);
  }

  /** The waiter that has accepted these keys; `undefined`: nobody may take them over. */
  nextInLine(keys: HeldKeys): QueuedWaiter | undefined {
    const line = this.#lines.get(keyOf(keys.tracker.resources));
    if (line === undefined || !keys.mayFollow) return undefined;
    const { first } = line.waiters;
    return first?.accept(keys) === true ? first : undefined;
  }

  /** A lease was lost: nobody holds anything by these keys any more. */
  leaseLost(keys: HeldKeys): void {
    this.held.remove(keys);
    this.mayBeFree(keys.tracker.resources);
  }

  /**
   * The nodes are asked to release the keys; `isQueued`: the release puts this process at the end of their
   * lists.
   */
  keysReleased(keys: HeldKeys, isQueued: boolean): void {
    const { resources } = keys.tracker;
    this.held.remove(keys);
    if (!isQueued) this.#released.set(keyOf(resources), 'releasePending');
    this.#yield(resources, isQueued ? 'queued' : 'releasePending', keys.othersWaiting);
  }

  /** The nodes have released the keys, and have notified another process or not. */
  releaseAnswered(keys: HeldKeys, hasNotified: boolean): void {
    const { resources } = keys.tracker;
    const key = keyOf(resources);
    const reason = this.#released.get(key);
    this.#released.delete(key);
    if (!hasNotified) this.mayBeFree(resources);
    if (!hasNotified || reason !== 'releasePending') return;
    this.#released.set(key, 'othersNotified');
    this.#yield(resources, 'othersNotified');
    this.clock.setTimer(() => this.#released.delete(key), OTHERS_FIRST_MS, 'background');
  }

  /** Wakes the first in each line for any of the resources. */
  mayBeFree(resources: readonly string[]): void {
    for (const line of this.#linesFor(resources)) {
      line.yieldReason = undefined;
      line.waiters.first?.wake();
    }
  }

  isWaitedFor(resource: string): boolean {
    return this.#linesByResource.has(resource);
  }

  /** All resources that somebody waits for. */
  get resources(): readonly string[] {
    return [...this.#linesByResource.keys()];
  }

  #onFirstLeft(line: Line, key: string): void {
    if (line.waiters.size === 0) this.#remove(key, line);
    // While this process holds the resources, the next one has nothing to do either.
    else if (this.heldKeys(line.resources) === undefined) line.waiters.first?.wake();
  }

  #linesFor(resources: readonly string[]): Iterable<Line> {
    if (this.#lines.size === 0) return [];
    return new Set(resources.flatMap((resource) => [...(this.#linesByResource.get(resource) ?? [])]));
  }

  #yield(resources: readonly string[], reason: YieldReason, queuedBehind: number = 0): void {
    for (const line of this.#linesFor(resources)) {
      line.yieldReason = reason;
      line.queuedBehind = queuedBehind;
      line.waiters.first?.wake();
    }
  }

  #add(key: string, line: Line): void {
    this.#lines.set(key, line);
    for (const resource of line.resources) {
      const lines = this.#linesByResource.get(resource);
      if (lines === undefined) this.#linesByResource.set(resource, new Set([line]));
      else lines.add(line);
    }
  }

  #remove(key: string, line: Line): void {
    this.#lines.delete(key);
    for (const resource of line.resources) {
      const lines = this.#linesByResource.get(resource)!;
      lines.delete(line);
      if (lines.size === 0) this.#linesByResource.delete(resource);
    }
  }
}
