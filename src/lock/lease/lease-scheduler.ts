import type { Clock, Timer } from '../../clock.js';
import { DueHeap, type Due } from './due-heap.js';
import type { Stamp } from '../../core/validity.js';

/** Something that has to be looked after at certain instants. */
export interface Scheduled {
  /** Where it stands with the keeper, which alone changes it. */
  place: Due<Scheduled> | undefined;
  /** Called at `dueAt` or later; returns when to be called again, `undefined` for never. */
  wake(now: number, dueAt: number): number | undefined;
}

/** Something that is extended when it is its turn. */
export interface Extendable {
  /** Extends it now, and calls back once when that is over, whatever came of it. */
  extendInTurn(over: () => void): void;
}

/**
 * The longest sleep of the keeper. While the machine is suspended the clock of its timers stands still: so soon after the
 * end of a suspension it sees that the wall clock went on without it.
 */
const LONGEST_SLEEP_MS = 1_000;
/** A timer that fires by so much later tells that the event loop was blocked; less is an everyday delay. */
const DELAY_MS = 100;
/** By how much the wall clock must have got ahead meanwhile for all leases to be looked at. */
const WALL_JUMP_MS = 100;

/**
 * So many extensions are under way at once. All leases of a process may fall due together; beyond that they would only wait
 * for the nodes, and everybody who asks the nodes for something would wait behind them.
 */
const EXTENSIONS = 256;

const wallGapMs = ({ wallMs, monotonicMs }: Stamp): number => wallMs - monotonicMs;

/**
 * Looks after all leases with one timer: each is called when its extension is due, before its validity ends, and when the
 * wall clock says that time passed which the monotonic one did not see. The timer
 * keeps no process alive, and nothing that a lease throws gets out of it.
 */
export class LeaseScheduler {
  readonly #queue = new DueHeap<Scheduled>();
  /** Extensions that wait for others to end, in the order in which they fell due. */
  #backlog: Extendable[] = [];
  #next = 0;
  #extending = 0;
  #isWorking = false;
  #isWaking = false;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** When the timer fires at the earliest: what was overdue already has one that fires at the next turn. */
  #firesAt = Number.POSITIVE_INFINITY;
  /** Our wall clock minus our monotonic clock when the timer was set. */
  #gapMs = 0;

  constructor(
    private readonly clock: Clock,
    /** Hears by how much the timer came too late, where that is more than an everyday delay. */
    private readonly delayed: (delayMs: number) => void = () => undefined,
  ) {}

  get size(): number {
    return this.#queue.size;
  }

  /** Sets when the item is called next; a later call replaces an earlier one. */
  schedule(item: Scheduled, dueAt: number): void {
    this.#place(item, dueAt);
    this.#arm();
  }

  cancel(item: Scheduled): void {
    if (item.place === undefined) return;
    this.#drop(item.place);
    if (this.#queue.size > 0) return;
    // Code that blocks the loop may end the last lease before the loop turns: no timer would tell it then.
    const delayMs = this.clock.now() - this.#firesAt;
    this.#disarm();
    this.#tellDelay(delayMs);
  }

  /** Has it extended, at once unless very many are under way. */
  extend(item: Extendable): void {
    this.#backlog.push(item);
    this.#work();
  }

  #work(): void {
    // One that is over at once must not begin the next from within.
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      while (this.#extending < EXTENSIONS) {
        const next = this.#backlog[this.#next++];
        if (next === undefined) {
          this.#backlog = [];
          this.#next = 0;
          break;
        }
        this.#extending++;
        next.extendInTurn(this.#onExtended);
      }
    } finally {
      this.#isWorking = false;
    }
  }

  readonly #onExtended = (): void => {
    this.#extending--;
    this.#work();
  };

  #place(item: Scheduled, dueAt: number): void {
    if (item.place !== undefined) this.#queue.move(item.place, dueAt);
    else item.place = this.#queue.add(item, dueAt);
  }

  #reschedule(): void {
    const now = this.clock.now();
    const delayMs = now - this.#firesAt;
    this.#disarm();
    this.#tellDelay(delayMs);
    if (wallGapMs(this.clock.stamp()) > this.#gapMs + WALL_JUMP_MS) {
      for (const { item, dueAt } of this.#queue.all) this.#place(item, Math.min(dueAt, now));
    }
    this.#isWaking = true;
    try {
      for (let due = this.#queue.next; due !== undefined && due.dueAt <= now; due = this.#queue.next)
        this.#wake(due, now);
    } finally {
      this.#isWaking = false;
      this.#arm();
    }
  }

  #wake(due: Due<Scheduled>, now: number): void {
    const { item, dueAt } = due;
    const nextAt = item.wake(now, dueAt);
    // It may have been forgotten or kept anew meanwhile.
    if (item.place !== due || due.dueAt !== dueAt) return;
    if (nextAt === undefined) this.#drop(due);
    else this.#queue.move(due, Math.max(nextAt, now + 1));
  }

  #drop(due: Due<Scheduled>): void {
    this.#queue.remove(due);
    due.item.place = undefined;
  }

  #arm(): void {
    const nextAt = this.#queue.next?.dueAt;
    if (this.#isWaking || nextAt === undefined || nextAt >= this.#timerAt) return;
    const now = this.clock.now();
    if (this.#timer === undefined) this.#gapMs = wallGapMs(this.clock.stamp());
    this.#disarm();
    this.#timerAt = Math.min(nextAt, now + LONGEST_SLEEP_MS);
    this.#firesAt = Math.max(now, this.#timerAt);
    this.#timer = this.clock.setTimer(() => this.#reschedule(), this.#timerAt - now, 'background');
  }

  #tellDelay(delayMs: number): void {
    if (delayMs > DELAY_MS) this.delayed(delayMs);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }
}
