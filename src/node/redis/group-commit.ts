import type { Clock } from '../../clock.js';

/** What is gathered: how much of the server's time it takes, in acquisitions of one resource. */
export interface Weighed {
  readonly weight: number;
}

/** While so many batches are under way, what arises is gathered for the next one. */
const UNDER_WAY = 2;
/**
 * About a third of a millisecond of a server's time. A longer script would keep others waiting, and the servers idle while it
 * is being written.
 */
const HEAVIEST = 64;

/**
 * Sends what arises together in one batch: in one turn of the event loop, or while two batches are under way. The busier a
 * node is, the larger its batches, and the less each request costs; one that comes alone is sent at the end of its turn.
 * The order stays.
 */
export class GroupCommit<Item extends Weighed> {
  #gathered: Item[] = [];
  #underWay = 0;
  #isDue = false;

  /** `send` resolves when the batch has been answered, and never rejects. */
  constructor(
    private readonly clock: Pick<Clock, 'afterTurn'>,
    private readonly send: (batch: readonly Item[]) => Promise<void>,
  ) {}

  add(item: Item): void {
    this.#gathered.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDue || this.#underWay >= UNDER_WAY || this.#gathered.length === 0) return;
    this.#isDue = true;
    this.clock.afterTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isDue = false;
    this.#underWay++;
    void this.send(this.#take()).then(() => {
      this.#underWay--;
      this.#schedule();
    });
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
