/**
 * What a Redis key holds: a string, a hash, or a list that somebody else has put there. `expiresAt` is in
 * milliseconds of the node's time.
 */
interface Entry {
  value: string;
  readonly hash: Map<string, string>;
  expiresAt: number;
  readonly isList?: boolean;
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

/** The keys of one server, as far as the scripts use Redis: strings, hashes, expiry. */
export class Keyspace {
  #entries = new Map<string, Entry>();
  nowMs = 0;

  get keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#live(key) !== undefined);
  }

  /** Throws where the key holds no string. */
  get(key: string): string | undefined {
    const entry = this.#live(key);
    if (entry?.isList) throw new Error('WRONGTYPE');
    return entry?.value;
  }

  /** Makes it a key of a type that no lock has. */
  spoil(key: string): void {
    this.#entries.set(key, {
      value: '',
      hash: new Map(),
      expiresAt: Number.POSITIVE_INFINITY,
      isList: true,
    });
  }

  isSpoilt(key: string): boolean {
    return this.#live(key)?.isList === true;
  }

  set(key: string, value: string, ttlMs: number): void {
    this.#entries.set(key, { value, hash: new Map(), expiresAt: this.nowMs + ttlMs });
  }

  /** Changes a value, and leaves the key its life. */
  change(key: string, value: string): void {
    const entry = this.#live(key);
    if (entry !== undefined) entry.value = value;
  }

  /**
   * Members of a sorted set are fields with their scores; the keyspace has no other hashes under such a key.
   */
  addMember(key: string, member: string, score: number): void {
    if (!this.isSpoilt(key)) this.setField(key, member, String(score));
  }

  score(key: string, member: string): number | undefined {
    const score = this.field(key, member);
    return score === undefined ? undefined : Number(score);
  }

  removeMember(key: string, member: string): void {
    if (this.isSpoilt(key)) return;
    const hash = this.#live(key)?.hash;
    hash?.delete(member);
    if (hash?.size === 0) this.delete(key);
  }

  members(key: string): string[] {
    const scores = [...(this.#live(key)?.hash ?? [])].map(([member, score]) => ({
      member,
      score: Number(score),
    }));
    scores.sort((a, b) => a.score - b.score || (a.member < b.member ? -1 : 1));
    return scores.map(({ member }) => member);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  field(key: string, name: string): string | undefined {
    return this.#live(key)?.hash.get(name);
  }

  /** All fields of a key, until it is set or deleted. They change as the key does. */
  fields(key: string): ReadonlyMap<string, string> {
    return this.#live(key)?.hash ?? NO_FIELDS;
  }

  setField(key: string, name: string, value: string): void {
    const entry = this.#live(key);
    if (entry !== undefined) entry.hash.set(name, value);
    else
      this.#entries.set(key, {
        value: '',
        hash: new Map([[name, value]]),
        expiresAt: Number.POSITIVE_INFINITY,
      });
  }

  /** As PTTL: -1 for a key that does not expire, -2 for one that is not there. */
  pttl(key: string): number {
    const entry = this.#live(key);
    if (entry === undefined) return -2;
    return entry.expiresAt === Number.POSITIVE_INFINITY ? -1 : entry.expiresAt - this.nowMs;
  }

  pexpire(key: string, ttlMs: number): void {
    const entry = this.#live(key);
    if (entry !== undefined) entry.expiresAt = this.nowMs + ttlMs;
  }

  /** The instant of the node's time at which the key expires; `undefined` where there is none. */
  expiresAt(key: string): number | undefined {
    return this.#live(key)?.expiresAt;
  }

  /**
   * Gives a key to another keyspace with the life that it has left, as MIGRATE does. Both have different
   * clocks.
   */
  giveTo(other: Keyspace, key: string): void {
    const entry = this.#live(key);
    if (entry === undefined) return;
    other.#entries.set(key, { ...entry, expiresAt: other.nowMs + entry.expiresAt - this.nowMs });
    this.#entries.delete(key);
  }

  copy(): Keyspace {
    const copy = new Keyspace();
    for (const [key, entry] of this.#entries) copy.#entries.set(key, { ...entry, hash: new Map(entry.hash) });
    return copy;
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.nowMs <= entry.expiresAt) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}

/** Tells the subscribers of a channel; gives how many there are. */
export type Publish = (channel: string, message: string) => number;
