import type { Clock } from '../../clock.js';
import type { NotWon } from '../acquire/attempt.js';
import type { HeldKeys } from '../lease/held-keys.js';

/** One who waits in line. */
export interface QueuedWaiter {
  /** Something has changed that it may be waiting for: it is its turn, or what it wants may be free. */
  wake(): void;
  /**
   * Takes over keys that are there, unless its terms forbid it, or it does not wait any more. Nothing else becomes of it
   * then; what it returns makes the lease.
   */
  accept(keys: HeldKeys): (() => void) | undefined;
}

/**
 * Why the first in a line does not ask, although this process has just given the resources back: others, in other
 * processes, may be waiting, and whoever released is always the quickest to ask again.
 *
 * - `releasePending`: the nodes have not yet said whether they told somebody.
 * - `othersNotified`: they told somebody, who will have it in a moment.
 * - `queued`: likewise, and this process is on their lists and will be told in its turn.
 */
export type YieldReason = 'releasePending' | 'othersNotified' | 'queued';

/** For so long whoever comes lets those go first who were told. */
const OTHERS_FIRST_MS = 8;

/** Those in this process who wait for the same resources, in the order of their coming. */
interface Line {
  readonly resources: readonly string[];
  readonly waiters: Set<QueuedWaiter>;
  /** How its last look ended. */
  lastLook: NotWon | undefined;
  yieldReason: YieldReason | undefined;
}

/** A waiter's place in its line. */
export class Place {
  constructor(
    readonly line: Pick<Line, 'lastLook' | 'yieldReason' | 'waiters'>,
    private readonly waiter: QueuedWaiter,
    private readonly onLeft: () => void,
  ) {}

  get isFirst(): boolean {
    return firstOf(this.line.waiters) === this.waiter;
  }

  leave(): void {
    const wasFirst = this.isFirst;
    if (this.line.waiters.delete(this.waiter) && wasFirst) this.onLeft();
  }
}

/** No name of a resource has a control character in it. */
const keyOf = (resources: readonly string[]): string =>
  resources.length === 1 ? resources[0]! : resources.join('\n');

/**
 * The waiters of this process: first come, first served, for each list of resources. Only the first in a line asks the
 * nodes, and not even that one while this process has the resources itself.
 */
export class WaitQueue {
  readonly #lines = new Map<string, Line>();
  readonly #linesByResource = new Map<string, Set<Line>>();
  readonly #held = new Map<string, HeldKeys>();
  /** What is being given back, and what others were told of, for whoever comes next. */
  readonly #leaving = new Map<string, YieldReason>();

  constructor(private readonly clock: Clock) {}

  /** How many wait in line for just these resources. */
  waitingFor(resources: readonly string[]): number {
    return this.#lines.size === 0 ? 0 : (this.#lines.get(keyOf(resources))?.waiters.size ?? 0);
  }

  join(resources: readonly string[], waiter: QueuedWaiter): Place {
    const key = keyOf(resources);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { resources, waiters: new Set(), lastLook: undefined, yieldReason: this.#leaving.get(key) };
      this.#add(key, line);
    }
    line.waiters.add(waiter);
    return new Place(line, waiter, () => this.#left(line, key));
  }

  /** What this process has of just these resources. */
  keysOf(resources: readonly string[]): HeldKeys | undefined {
    return this.#held.size === 0 ? undefined : this.#held.get(keyOf(resources));
  }

  begun(keys: HeldKeys): void {
    this.#held.set(keyOf(keys.tracker.resources), keys);
  }

  /** Who takes over these keys, if they may be handed on. */
  nextInLine(keys: HeldKeys): (() => void) | undefined {
    const line = this.#lines.get(keyOf(keys.tracker.resources));
    if (line === undefined || !keys.mayFollow) return undefined;
    return firstOf(line.waiters)?.accept(keys);
  }

  /** Nobody holds anything by these keys any more: whoever is first in a line for any of the resources may try. */
  leaseLost(keys: HeldKeys): void {
    this.#forget(keys);
    this.mayBeFree(keys.tracker.resources);
  }

  /** The keys are being given back. `isOnLists`: those in line went to the end of the nodes' lists with it. */
  keysReleased(keys: HeldKeys, isOnLists: boolean): void {
    const { resources } = keys.tracker;
    this.#forget(keys);
    if (!isOnLists) this.#leaving.set(keyOf(resources), 'releasePending');
    this.#makeYield(resources, isOnLists ? 'queued' : 'releasePending');
  }

  /** The nodes have said whether they told others. */
  answered(keys: HeldKeys, isTold: boolean): void {
    const { resources } = keys.tracker;
    const key = keyOf(resources);
    const why = this.#leaving.get(key);
    this.#leaving.delete(key);
    if (!isTold) this.mayBeFree(resources);
    if (!isTold || why !== 'releasePending') return;
    this.#leaving.set(key, 'othersNotified');
    this.#makeYield(resources, 'othersNotified');
    this.clock.setTimer(() => this.#leaving.delete(key), OTHERS_FIRST_MS, 'background');
  }

  /** Whoever is first in a line for any of them may try. */
  mayBeFree(resources: readonly string[]): void {
    for (const line of this.#linesFor(resources)) {
      line.yieldReason = undefined;
      firstOf(line.waiters)?.wake();
    }
  }

  isWaitedFor(resource: string): boolean {
    return this.#linesByResource.has(resource);
  }

  /** All that somebody waits for. */
  get resources(): readonly string[] {
    return [...this.#linesByResource.keys()];
  }

  /** The first of a line has left it. */
  #left(line: Line, key: string): void {
    if (line.waiters.size === 0) this.#remove(key, line);
    // While this process has the resources, the next one has nothing to do either.
    else if (!this.#held.has(key)) firstOf(line.waiters)?.wake();
  }

  #linesFor(resources: readonly string[]): Iterable<Line> {
    if (this.#lines.size === 0) return [];
    return new Set(resources.flatMap((resource) => [...(this.#linesByResource.get(resource) ?? [])]));
  }

  #makeYield(resources: readonly string[], why: YieldReason): void {
    for (const line of this.#linesFor(resources)) {
      line.yieldReason = why;
      firstOf(line.waiters)?.wake();
    }
  }

  #forget(keys: HeldKeys): void {
    const key = keyOf(keys.tracker.resources);
    if (this.#held.get(key) === keys) this.#held.delete(key);
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

const firstOf = (waiters: ReadonlySet<QueuedWaiter>): QueuedWaiter | undefined => {
  for (const waiter of waiters) return waiter;
  return undefined;
};
