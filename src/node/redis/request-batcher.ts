import type { Clock } from '../../clock.js';

/** What is gathered: how much of the server's time it takes, in acquisitions of one resource. */
export interface Weighed {
  readonly weight: number;
}

/** While so many batches are under way, what arises is gathered for the next one. */
const UNDER_WAY = 2;
/**
 * Half a millisecond of a server's time, or a whole one of a slow server's. A longer script would keep others waiting, and the
 * servers idle while it is being written.
 */
const HEAVIEST = 128;
/** A server that has answered nothing for so long does not: no batch takes a hundredth of it. */
const STALLED_MS = 100;

/**
 * Sends what arises together in one batch: in one turn of the event loop, or while two batches are under way. The busier a
 * node is, the larger its batches, and the less each request costs; one that comes alone is sent at the end of its turn.
 * The order stays.
 */
export class RequestBatcher<Item extends Weighed> {
  #gathered: Item[] = [];
  #underWay = 0;
  #isDue = false;
  /** When the oldest batch under way was sent, or the last one was answered. */
  #waitingSince = 0;
  /** How many had been gathered when it was known that the server does not answer. */
  #stalledAt: number | undefined;

  /** `send` calls back once, when the batch has been answered; it throws nothing. */
  constructor(
    private readonly clock: Pick<Clock, 'afterTurn' | 'now'>,
    private readonly send: (batch: readonly Item[], done: () => void) => void,
  ) {}

  add(item: Item): void {
    this.#gathered.push(item);
    this.#schedule();
  }

  /**
   * Takes back such items as have not been sent, where what was sent is not answered; but none of those that came before this
   * was known, among which each call would have to search anew.
   */
  withdraw(isVain: (item: Item) => boolean): readonly Item[] {
    // With fewer under way, what is gathered is sent at the end of this turn.
    if (this.#underWay < UNDER_WAY || this.clock.now() - this.#waitingSince < STALLED_MS) return [];
    const all = this.#gathered;
    this.#stalledAt ??= all.length;
    const vain: Item[] = [];
    for (let at = all.length - 1; at >= this.#stalledAt; at--) {
      if (isVain(all[at]!)) vain.push(...all.splice(at, 1));
    }
    return vain;
  }

  #schedule(): void {
    if (this.#isDue || this.#underWay >= UNDER_WAY || this.#gathered.length === 0) return;
    this.#isDue = true;
    this.clock.afterTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isDue = false;
    if (this.#underWay++ === 0) this.#waitingSince = this.clock.now();
    this.send(this.#take(), this.#onAnswered);
    this.#schedule();
  };

  readonly #onAnswered = (): void => {
    this.#underWay--;
    this.#waitingSince = this.clock.now();
    this.#stalledAt = undefined;
    this.#schedule();
  };

  /** The oldest, as many as a server can do without keeping others waiting; at least one. */
  #take(): readonly Item[] {
    const all = this.#gathered;
    let count = 0;
    let weight = 0;
    while (count < all.length) {
      weight += all[count]!.weight;
      if (count > 0 && weight > HEAVIEST) break;
      count++;
    }
    this.#gathered = all.slice(count);
    return count === all.length ? all : all.slice(0, count);
  }
}
