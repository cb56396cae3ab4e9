import type { Clock, Timer } from '../../clock.js';
import { DueHeap, type Due, type DueItem } from './due-heap.js';
import { wallGapMs, type Stamp } from '../../core/validity.js';

/** Something that has to be looked after at certain instants. */
export interface Scheduled extends DueItem<Scheduled> {
  /** Called at `dueAt` or later. Returns when to be called next; `undefined`: never. */
  wake(now: number, dueAt: number): number | undefined;
}

/** Something that extends keys when it is its turn. */
export interface TurnTaker {
  /**
   * Called once for each `requestTurn`. It calls `endTurn` when the extension is over, whatever came of it.
   * `now` is one object for all turns that are given together.
   */
  takeTurn(now: Stamp): void;
}

/**
 * The longest sleep of the scheduler. The timers' clock stands still while the machine is suspended. So the
 * scheduler notices so soon after the end of a suspension that the wall clock went on without it.
 */
const LONGEST_SLEEP_MS = 1_000;
/** A timer that is this late shows that the event loop was blocked; shorter delays are normal. */
const DELAY_MS = 100;
/** If the wall clock got ahead by this much, the scheduler wakes everything. */
const WALL_JUMP_MS = 100;

/**
 * So many extensions run at once. All leases of a process may be due together; more at once would only wait
 * for the nodes, and every other request would wait behind them.
 */
const TURNS = 256;

/**
 * Looks after all held keys with one timer. It wakes each when an extension is due, before validity ends, and
 * when the wall clock shows that time passed which the monotonic clock did not see. The timer keeps no
 * process alive.
 */
export class LeaseScheduler {
  readonly #queue = new DueHeap<Scheduled>();
  /** What waits for its turn, in the order of the requests, from `#next` on. */
  #waiting: TurnTaker[] = [];
  #next = 0;
  #turns = 0;
  #isGivingTurns = false;
  #isWaking = false;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** When the timer fires at the earliest: in the next turn of the loop if it was overdue when it was set. */
  #firesAt = Number.POSITIVE_INFINITY;
  /** Our wall clock minus our monotonic clock when the timer was set. */
  #gapMs = 0;

  constructor(
    private readonly clock: Clock,
    /** Called when the timer was late, with the delay in milliseconds; not for normal delays. */
    private readonly onDelay: (delayMs: number) => void = () => undefined,
  ) {}

  get size(): number {
    return this.#queue.size;
  }

  /** Sets when the item is woken next; a later call replaces an earlier one. */
  schedule(item: Scheduled, dueAt: number): void {
    this.#queue.set(item, dueAt);
    this.#setTimer();
  }

  cancel(item: Scheduled): void {
    if (item.due === undefined) return;
    this.#queue.remove(item);
    if (this.#queue.size > 0) return;
    // Code that blocks the loop may end the last lease before the loop turns: then no timer would tell the
    // delay.
    const delayMs = this.clock.now() - this.#firesAt;
    this.#cancelTimer();
    this.#reportDelay(delayMs);
  }

  /**
   * Asks for an extension: `takeTurn` is called soon, or when fewer extensions are running. Those that ask
   * together, and those for which others end together, get their turns together.
   */
  requestTurn(taker: TurnTaker): void {
    this.#waiting.push(taker);
    this.#giveTurnsSoon();
  }

  /** The extension of a turn is over. */
  readonly endTurn = (): void => {
    this.#turns--;
    if (this.#waiting.length > 0) this.#giveTurnsSoon();
  };

  #giveTurnsSoon(): void {
    if (this.#isGivingTurns) return;
    this.#isGivingTurns = true;
    void Promise.resolve().then(() => {
      try {
        this.#giveTurns();
      } finally {
        this.#isGivingTurns = false;
      }
    });
  }

  #giveTurns(): void {
    const now = this.clock.stamp();
    while (this.#turns < TURNS) {
      const taker = this.#waiting[this.#next++];
      if (taker === undefined) {
        this.#waiting = [];
        this.#next = 0;
        return;
      }
      this.#turns++;
      taker.takeTurn(now);
    }
  }

  readonly #onTimer = (): void => {
    const now = this.clock.now();
    const delayMs = now - this.#firesAt;
    this.#cancelTimer();
    this.#reportDelay(delayMs);
    if (wallGapMs(this.clock.stamp()) > this.#gapMs + WALL_JUMP_MS) {
      for (const item of this.#queue.all) this.#queue.set(item, Math.min(item.due!.dueAt, now));
    }
    this.#isWaking = true;
    try {
      for (let due = this.#queue.next; due !== undefined && due.dueAt <= now; due = this.#queue.next)
        this.#wakeAll(due, now);
    } finally {
      this.#isWaking = false;
      this.#setTimer();
    }
  };

  #wakeAll(due: Due<Scheduled>, now: number): void {
    for (const item of [...due.items]) {
      // It may be cancelled, or scheduled anew, before it is woken and while it is.
      if (item.due !== due) continue;
      const nextAt = item.wake(now, due.dueAt);
      if (item.due !== due) continue;
      if (nextAt === undefined) this.#queue.remove(item);
      else this.#queue.set(item, Math.max(nextAt, now + 1));
    }
  }

  #setTimer(): void {
    const { nextAt } = this.#queue;
    if (this.#isWaking || nextAt >= this.#timerAt) return;
    const now = this.clock.now();
    if (this.#timer === undefined) this.#gapMs = wallGapMs(this.clock.stamp());
    this.#cancelTimer();
    this.#timerAt = Math.min(nextAt, now + LONGEST_SLEEP_MS);
    this.#firesAt = Math.max(now, this.#timerAt);
    this.#timer = this.clock.setTimer(this.#onTimer, this.#timerAt - now, 'shared background');
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  #reportDelay(delayMs: number): void {
    if (delayMs > DELAY_MS) this.onDelay(delayMs);
  }
}
