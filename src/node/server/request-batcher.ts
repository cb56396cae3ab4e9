import type { Clock } from '../../clock.js';

/** A request, and how much of the server's time it takes, in acquisitions of one resource. */
export interface Weighed {
  readonly weight: number;
}

/** Sends a batch and calls `done` once, when all of it has been answered. Throws nothing. */
export type Send<Item> = (batch: readonly Item[], done: () => void) => void;

/** While this many batches are under way, unless a node says otherwise, new requests are gathered. */
const MAX_UNDER_WAY = 2;
/**
 * The weight of a batch: about half a millisecond of a server's time, or a millisecond of a slow server's. A
 * longer script would keep other clients waiting, and leave the servers idle while it is being written.
 */
const MAX_WEIGHT = 128;
/** A server that has answered nothing for this long is stalled. No batch takes a hundredth of it. */
const STALLED_MS = 100;

/**
 * Sends requests in batches: those of one turn of the event loop, and those that come while two batches are
 * under way. The busier a node is, the larger its batches and the cheaper each request. A request that comes
 * alone is sent at the end of its turn. The order stays.
 */
export class RequestBatcher<Item extends Weighed> {
  #gathered: Item[] = [];
  #underWay = 0;
  #isDue = false;
  /** When the oldest batch under way was sent, or the last one was answered. */
  #waitingSince = 0;
  /** How many requests had been gathered when the server was first seen to be stalled. */
  #gatheredAtStall: number | undefined;

  constructor(
    private readonly clock: Pick<Clock, 'afterTurn' | 'now'>,
    private readonly send: Send<Item>,
    private readonly mostUnderWay: number = MAX_UNDER_WAY,
  ) {}

  add(item: Item): void {
    this.#gathered.push(item);
    this.#schedule();
  }

  /**
   * If the server is stalled, removes matching unsent items and gives them back. Items that came before the
   * stall was seen stay: every call would have to search among them again.
   */
  withdraw(matches: (item: Item) => boolean): readonly Item[] {
    // With fewer batches under way, what is gathered is sent at the end of this turn.
    if (this.#underWay < this.mostUnderWay || this.clock.now() - this.#waitingSince < STALLED_MS) return [];
    const all = this.#gathered;
    this.#gatheredAtStall ??= all.length;
    const withdrawn: Item[] = [];
    for (let at = all.length - 1; at >= this.#gatheredAtStall; at--) {
      if (matches(all[at]!)) withdrawn.push(...all.splice(at, 1));
    }
    return withdrawn;
  }

  #schedule(): void {
    if (this.#isDue || this.#underWay >= this.mostUnderWay || this.#gathered.length === 0) return;
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
    this.#gatheredAtStall = undefined;
    this.#schedule();
  };

  /** Takes the oldest requests up to `MAX_WEIGHT`, at least one. */
  #take(): readonly Item[] {
    const all = this.#gathered;
    let count = 0;
    let weight = 0;
    while (count < all.length) {
      weight += all[count]!.weight;
      if (count > 0 && weight > MAX_WEIGHT) break;
      count++;
    }
    this.#gathered = all.slice(count);
    return count === all.length ? all : all.slice(0, count);
  }
}
