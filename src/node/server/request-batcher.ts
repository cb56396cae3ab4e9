import type { Clock } from '../../clock.js';

/** A request, and how much of the server's time it takes, in acquisitions of one resource. */
export interface Weighed {
  readonly weight: number;
}

/** Sends a batch and calls `done` once, when all of it has been answered. Throws nothing. */
export type Send<Item> = (batch: readonly Item[], done: () => void) => void;

/** How many batches may be under way. */
export interface UnderWay {
  /** While this many are, new requests are gathered, until they make a full batch. */
  readonly any: number;
  /** A full batch is sent until so many are under way: nothing would be gained if it waited. */
  readonly full: number;
}

/**
 * Two, so that the server has work while the answer to a batch is on its way. Sixteen full ones are as much
 * as a server that is 40 ms away can do: 50 requests a millisecond. With fewer, a server that is further away
 * than the others, or has less of the processor, would fall behind, and what it is asked would be kept here.
 */
const MAX_UNDER_WAY: UnderWay = { any: 2, full: 16 };
/**
 * The weight of a full batch: about half a millisecond of a server's time, or a millisecond of a slow
 * server's. A longer script would keep other clients waiting, and leave the servers idle while it is being
 * written.
 */
const MAX_WEIGHT = 128;
/** A server that has answered nothing for this long is stalled. No batch takes a hundredth of it. */
const STALLED_MS = 100;

/**
 * Sends requests in batches: those of one turn of the event loop, and those that come while two batches are
 * under way. The busier a node is, the larger its batches and the cheaper each request. A request that comes
 * alone is sent at the end of its turn, and so is a full batch. The order stays.
 */
export class RequestBatcher<Item extends Weighed> {
  #gathered: Item[] = [];
  #gatheredWeight = 0;
  #underWay = 0;
  #isDue = false;
  /** When the oldest batch under way was sent, or the last one was answered. */
  #waitingSince = 0;
  /** How many requests had been gathered when the server was first seen to be stalled. */
  #gatheredAtStall: number | undefined;

  constructor(
    private readonly clock: Pick<Clock, 'afterTurn' | 'now'>,
    private readonly send: Send<Item>,
    private readonly most: UnderWay = MAX_UNDER_WAY,
  ) {}

  add(item: Item): void {
    this.#gathered.push(item);
    this.#gatheredWeight += item.weight;
    this.#schedule();
  }

  /**
   * Whether the server is stalled, and keeps requests from being sent. Where there is room, what is gathered
   * is sent at the end of this turn.
   */
  get isStalled(): boolean {
    return !this.#hasRoom && this.clock.now() - this.#waitingSince >= STALLED_MS;
  }

  /**
   * If the server is stalled, removes matching unsent items and gives them back. Items that came before the
   * stall was seen stay: every call would have to search among them again.
   */
  withdraw(matches: (item: Item) => boolean): readonly Item[] {
    if (!this.isStalled) return [];
    const all = this.#gathered;
    this.#gatheredAtStall ??= all.length;
    const withdrawn: Item[] = [];
    for (let at = all.length - 1; at >= this.#gatheredAtStall; at--) {
      if (matches(all[at]!)) withdrawn.push(...all.splice(at, 1));
    }
    for (const { weight } of withdrawn) this.#gatheredWeight -= weight;
    return withdrawn;
  }

  get #hasRoom(): boolean {
    return this.#underWay < (this.#gatheredWeight < MAX_WEIGHT ? this.most.any : this.most.full);
  }

  #schedule(): void {
    if (this.#isDue || this.#gathered.length === 0 || !this.#hasRoom) return;
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
    // Without a batch under way nothing is waited for, and the next one reads the clock.
    if (--this.#underWay > 0) this.#waitingSince = this.clock.now();
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
    if (count === all.length) {
      this.#gathered = [];
      this.#gatheredWeight = 0;
      return all;
    }
    const batch = all.splice(0, count);
    for (const { weight: taken } of batch) this.#gatheredWeight -= taken;
    return batch;
  }
}
