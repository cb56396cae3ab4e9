import type { Clock, Timer } from '../clock.js';
import { DueQueue, type Due } from '../core/due-queue.js';

/** Something that has to be looked after at certain instants. */
export interface Kept {
  /** Called at `dueAt` or later; returns when to be called again, `undefined` for never. */
  wake(now: number, dueAt: number): number | undefined;
}

/**
 * Looks after all leases with one timer: each is called when its extension is due, and before its validity ends. The timer
 * keeps no process alive, and nothing that a lease throws gets out of it.
 */
export class LeaseKeeper {
  readonly #queue = new DueQueue<Kept>();
  readonly #places = new Map<Kept, Due<Kept>>();
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.#queue.size;
  }

  /** Sets when the item is called next; a later call replaces an earlier one. */
  keep(item: Kept, dueAt: number): void {
    this.#place(item, dueAt);
    this.#arm();
  }

  forget(item: Kept): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    this.#queue.remove(place);
    if (this.#queue.size === 0) this.#disarm();
  }

  #place(item: Kept, dueAt: number): void {
    const place = this.#places.get(item);
    if (place !== undefined) this.#queue.remove(place);
    this.#places.set(item, this.#queue.add(item, dueAt));
  }

  #tend(): void {
    this.#disarm();
    const now = this.clock.now();
    for (let dueAt = this.#queue.nextAt; dueAt !== undefined && dueAt <= now; dueAt = this.#queue.nextAt) {
      const item = this.#queue.take(now);
      if (item === undefined) break;
      this.#places.delete(item);
      const nextAt = item.wake(now, dueAt);
      if (nextAt !== undefined && !this.#places.has(item)) this.#place(item, Math.max(nextAt, now + 1));
    }
    this.#arm();
  }

  #arm(): void {
    const nextAt = this.#queue.nextAt;
    if (nextAt === undefined || nextAt >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = nextAt;
    this.#timer = this.clock.setTimer(() => this.#tend(), nextAt - this.clock.now(), 'background');
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}
