/** What to write of a failed call. */
export type FailureLine =
  | { readonly kind: 'first' }
  /** The first one of this key, while those of other keys fail too. */
  | { readonly kind: 'also' }
  | { readonly kind: 'again'; readonly times: number }
  | { readonly kind: 'nothing' };

interface Streak {
  times: number;
  writtenAt: number;
  /** How long nothing is written, unless the count gets another digit. */
  quietMs: number;
}

const SHORTEST_QUIET_MS = 60_000;
const LONGEST_QUIET_MS = 3_600_000;
/** More keys than this are counted together: a key may depend on the arguments of a call. */
const MOST_KEYS = 1_000;
const OTHERS = Symbol('all other keys');

/**
 * Says what to write when calls fail again and again for the same reason, as while the nodes are down: the
 * first failure in full, and then a count. It is written when it gets another digit, and otherwise after a
 * minute, two minutes and so on, up to every hour.
 */
export class FailureStreaks {
  readonly #streaks = new Map<string | symbol, Streak>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  failed(key: string): FailureLine {
    const place = this.#placeOf(key);
    const streak = this.#streaks.get(place);
    if (streak === undefined) {
      const kind = this.#streaks.size === 0 ? 'first' : 'also';
      this.#streaks.set(place, { times: 1, writtenAt: this.now(), quietMs: SHORTEST_QUIET_MS });
      return { kind };
    }
    streak.times++;
    const isDue = this.now() - streak.writtenAt >= streak.quietMs;
    if (!isDue && !/^10+$/.test(String(streak.times))) return { kind: 'nothing' };
    if (isDue) streak.quietMs = Math.min(LONGEST_QUIET_MS, 2 * streak.quietMs);
    streak.writtenAt = this.now();
    return { kind: 'again', times: streak.times };
  }

  /** The call of this key did not fail. Returns how many have failed before it. */
  ended(key: string): number {
    if (this.#streaks.size === 0) return 0;
    const times = this.#streaks.get(key)?.times ?? 0;
    this.#streaks.delete(key);
    // What failed for other keys may be over too, but nobody has asked.
    if (!this.#hasOthers()) this.#streaks.delete(OTHERS);
    return times;
  }

  #hasOthers(): boolean {
    return this.#streaks.size > (this.#streaks.has(OTHERS) ? 1 : 0);
  }

  #placeOf(key: string): string | symbol {
    return this.#streaks.has(key) || this.#streaks.size < MOST_KEYS ? key : OTHERS;
  }
}
