import type { Keyspace } from '../keyspace.js';
import type { ScriptFlaw } from './flaws.js';
import { numberIn, setFields } from './words.js';

const COARSE_MS = 1_000;
const LONG_TTL_MS = 60_000;

/** Until when keys may live that were set or prolonged, as the marker said before the call. */
export class Instants {
  readonly #nowUs: number;
  readonly #nowMs: number;
  readonly #instant: number;
  readonly #long: number;
  readonly #ttl: number;
  readonly #longestMs: number;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly marker: string,
    nowUs: number,
    private readonly writes: number,
    quarantineMs: number,
    private readonly flaw: ScriptFlaw | undefined,
  ) {
    const fields = keyspace.fields(marker);
    const numberOf = (name: string): number => numberIn(fields.get(name)) ?? 0;
    this.#nowUs = nowUs;
    this.#nowMs = Math.ceil(nowUs / 1_000);
    [this.#instant, this.#long, this.#ttl] = [numberOf('instant'), numberOf('long'), numberOf('ttl')];
    this.#longestMs = Math.max(quarantineMs, numberOf('longest'), this.#ttl);
  }

  get #list(): string {
    return `${this.marker}:long`;
  }

  raise(ttlMs: number): void {
    const [expires, { writes }] = [this.#nowMs + ttlMs, this];
    if (ttlMs <= LONG_TTL_MS) {
      if (this.#instant < expires)
        setFields(this.keyspace, this.marker, { instant: expires + COARSE_MS, writes });
    } else if (this.#long < expires) {
      const longest = Math.max(ttlMs, this.#longestMs);
      setFields(this.keyspace, this.marker, { long: expires + ttlMs, longest, writes });
    }
  }

  /** The key was set or prolonged. */
  list(lock: string, holder: string, ttlMs: number): void {
    if (ttlMs <= LONG_TTL_MS) return;
    const [list, entry, expires] = [this.#list, `${lock}\n${holder}`, this.#nowMs + ttlMs];
    if (Number(this.keyspace.field(list, entry) ?? 0) < expires)
      this.keyspace.setField(list, entry, String(expires));
    if (this.keyspace.pttl(list) < ttlMs) this.keyspace.pexpire(list, ttlMs + COARSE_MS);
  }

  /** The key was deleted, or lives on for so long. */
  unlist(lock: string, holder: string, keepMs: number): void {
    if (this.#long < this.#nowMs) return;
    const [entry, expires] = [`${lock}\n${holder}`, this.#nowMs + keepMs];
    const listed = this.keyspace.field(this.#list, entry);
    if (keepMs === 0) this.keyspace.removeMember(this.#list, entry);
    else if (listed !== undefined && Number(listed) > expires)
      this.keyspace.setField(this.#list, entry, String(expires));
  }

  /** For how long a key may live. `sinceUs`: when the node's memory began. */
  tell(sinceUs: number): number {
    let instant = this.#instant;
    if (this.#ttl > 0) {
      instant = Math.max(instant, this.#nowMs + this.#ttl);
      const isOver = sinceUs + this.#ttl * 1_000 <= this.#nowUs;
      const ttl = isOver ? 0 : this.#ttl;
      setFields(this.keyspace, this.marker, { instant, ttl, writes: this.writes });
    }
    const isBounded = this.flaw !== 'waits for a clock';
    let outMs = instant - this.#nowMs;
    if (isBounded) outMs = Math.min(outMs, Math.max(LONG_TTL_MS + COARSE_MS, this.#ttl));
    if (this.#long > this.#nowMs) {
      for (const entry of this.keyspace.members(this.#list)) {
        const expires = Number(this.keyspace.field(this.#list, entry));
        if (expires <= this.#nowMs) this.keyspace.removeMember(this.#list, entry);
        else
          outMs = Math.max(
            outMs,
            Math.min(expires - this.#nowMs, isBounded ? this.#longestMs : Number.POSITIVE_INFINITY),
          );
      }
    }
    return this.flaw === 'no instant told' ? 0 : Math.max(0, outMs);
  }
}
