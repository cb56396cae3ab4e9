/** What a Redis key holds: a string or a hash. `expiresAt` is in milliseconds of the node's time. */
interface Entry {
  value: string;
  readonly hash: Map<string, string>;
  expiresAt: number;
}

/**
 * Ways in which the script could be wrong. They are for the test of the simulation itself, which has to find each.
 * What each must not do stands beside its use.
 */
export const SCRIPT_FLAWS = [
  'confirm without ownership',
  'counter above the token',
  'counter seeded with 0',
  'extension shortens',
  'extension re-creates',
  'release without comparing',
  'tick without ownership',
  'no deadline',
  'old counter believed',
  'forgotten ticks granted',
  'a range counted as one',
] as const;

export type ScriptFlaw = (typeof SCRIPT_FLAWS)[number];

/** The keys of one server, as far as the script uses Redis: strings, hashes, expiry. */
export class Keyspace {
  #entries = new Map<string, Entry>();
  nowMs = 0;

  get keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#live(key) !== undefined);
  }

  get(key: string): string | undefined {
    return this.#live(key)?.value;
  }

  set(key: string, value: string, ttlMs: number): void {
    this.#entries.set(key, { value, hash: new Map(), expiresAt: this.nowMs + ttlMs });
  }

  /** Members of a sorted set are fields with their scores; the keyspace has no other hashes under such a key. */
  addMember(key: string, member: string, score: number): void {
    if (this.field(key, member) === undefined) this.setField(key, member, String(score));
  }

  removeMember(key: string, member: string): void {
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

  copy(): Keyspace {
    const copy = new Keyspace();
    for (const [key, { value, hash, expiresAt }] of this.#entries)
      copy.#entries.set(key, { value, hash: new Map(hash), expiresAt });
    return copy;
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.nowMs <= entry.expiresAt) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}

type Word = string | number | boolean;

interface Operation {
  readonly verb: string;
  readonly keys: readonly (readonly [lock: string, fence: string])[];
  readonly holder: string;
  readonly deadlineUs: number;
  /** What it has of its own but for the holder, then its terms. */
  readonly argument: readonly Word[];
  /** Of an acquisition that is ready to wait. */
  readonly lists: readonly string[];
}

/** Tells the subscribers of a channel; gives how many there are. */
export type Publish = (channel: string, message: string) => number;

/** How many words come before the operations. */
const HEADER = 8;
/** By the verb: at which word it says how many such operations follow, how many words of its own each has, and whether the terms begin with a deadline. */
const WORDS: Readonly<
  Record<string, { readonly countAt: number; readonly own: number; readonly hasDeadline: boolean }>
> = {
  a: { countAt: 7, own: 1, hasDeadline: true },
  q: { countAt: 9, own: 1, hasDeadline: true },
  c: { countAt: 4, own: 2, hasDeadline: true },
  e: { countAt: 4, own: 3, hasDeadline: true },
  r: { countAt: 5, own: 1, hasDeadline: false },
  w: { countAt: 2, own: 0, hasDeadline: false },
  i: { countAt: 2, own: 0, hasDeadline: false },
};

/**
 * What the script of `src/node/redis/protocol/script.ts` does, written anew from its description: from the keys and arguments of a
 * call to the reply. A test holds it to the script itself, on a real server.
 */
export function runScript(
  keyspace: Keyspace,
  keys: readonly string[],
  args: readonly (string | number)[],
  nowUs: number,
  publish: Publish,
  flaw?: ScriptFlaw,
): unknown[] {
  keyspace.nowMs = Math.floor(nowUs / 1_000);
  const words = JSON.parse(String(args[0])) as Word[];
  const lives = { fenceMs: Number(words[0]), ledgerMs: Number(words[1]) };
  const aheadUs = Number(words[HEADER - 1]);
  const marker = keys[0]!;
  const memory = guard(keyspace, marker, words.slice(2, HEADER), nowUs);
  return [
    nowUs,
    memory.finding,
    ...operationsIn(keys.slice(1), words.slice(HEADER)).map((operation) => {
      const late = nowUs > operation.deadlineUs + aheadUs && flaw !== 'no deadline';
      return late ? [3] : new Script(keyspace, lives, nowUs, memory, marker, operation, publish, flaw).run();
    }),
  ];
}

/** What a node knows of its own memory. */
interface Memory {
  readonly finding: unknown;
  /** Counters below this instant (µs) may have come back with old data. */
  readonly anewUs: number;
  /** Ticks before this instant may have run without being on record here. */
  readonly knowsFromMs: number;
}

/** Whether the node remembers: what its marker says, and what becomes of it. */
function guard(
  keyspace: Keyspace,
  marker: string,
  [quarantine, run = '', durable, order = '', given = '']: readonly Word[],
  nowUs: number,
): Memory {
  const quarantineMs = Number(quarantine);
  if (quarantineMs === 0) return { finding: 0, anewUs: 0, knowsFromMs: 0 };
  const known = {
    run: keyspace.field(marker, 'run'),
    since: numberIn(keyspace.field(marker, 'since')),
    anew: numberIn(keyspace.field(marker, 'anew')) ?? 0,
  };
  if (known.since === undefined && (order === 'l' || order === 'm'))
    return { finding: [-1, '', ''], anewUs: known.anew, knowsFromMs: 0 };
  if (order === 'm') keyspace.setField(marker, 'members', String(given));
  const isOther = run !== '' && known.run !== run;
  const restarted = isOther && known.run !== undefined && known.run !== '';
  const forgot = known.since === undefined || known.since > nowUs || (restarted && durable !== true);
  let since = forgot ? nowUs : known.since!;
  if (order === 'd') since = nowUs;
  if (order === 't' || (order === 'f' && known.since === undefined)) since = 0;
  const knownMs = numberIn(keyspace.field(marker, 'ttl')) ?? 0;
  const longestMs = Math.max(quarantineMs, knownMs);
  const wasInDoubt = order === 't' && (known.since !== 0 || isOther);
  const anewUs = Math.max(known.anew, wasInDoubt ? nowUs : 0, since > 0 ? since + longestMs * 1_000 : 0);
  const id = keyspace.field(marker, 'id') ?? String(given);
  const isNews = isOther || since !== known.since || longestMs !== knownMs || anewUs !== known.anew;
  if (isNews) {
    keyspace.setField(marker, 'run', run === '' ? (known.run ?? '') : String(run));
    keyspace.setField(marker, 'since', String(since));
    keyspace.setField(marker, 'ttl', String(longestMs));
    keyspace.setField(marker, 'anew', String(anewUs));
    keyspace.setField(marker, 'id', id);
  }
  const leftMs = Math.max(0, Math.ceil((since - nowUs) / 1_000 + longestMs));
  const members = keyspace.field(marker, 'members') ?? '';
  // While its grants do not count anyway, it says so in another way.
  const knowsFromMs = leftMs > 0 || since === 0 ? 0 : since / 1_000 + quarantineMs;
  return { finding: order === '' ? leftMs : [leftMs, id, members], anewUs, knowsFromMs };
}

function operationsIn(keys: readonly string[], words: readonly Word[]): Operation[] {
  const operations: Operation[] = [];
  let nextKey = 0;
  for (let at = 0; at < words.length;) {
    const [verb, resources] = [String(words[at]), Number(words[at + 1])];
    const { countAt, own, hasDeadline } = WORDS[verb]!;
    const terms = words.slice(at + 2, at + countAt);
    const deadlineUs = hasDeadline ? Number(terms.shift()) : Number.POSITIVE_INFINITY;
    const perResource = verb === 'q' ? 3 : 2;
    at += countAt + 1;
    for (let left = Number(words[at - 1]); left > 0; left--) {
      const [holder = '', ...ownWords] = words.slice(at, at + own);
      operations.push({
        verb,
        keys: Array.from({ length: resources }, (_, i) => [
          keys[nextKey + 2 * i]!,
          keys[nextKey + 2 * i + 1]!,
        ]),
        holder: String(holder),
        deadlineUs,
        argument: [...ownWords, ...terms],
        lists: keys.slice(nextKey + 2 * resources, nextKey + perResource * resources),
      });
      nextKey += perResource * resources;
      at += own;
    }
  }
  return operations;
}

/** What a fence key holds. */
interface Fence {
  readonly counter: number | undefined;
  readonly tick: number | undefined;
}

const numberIn = (word: Word | undefined): number | undefined =>
  word === undefined || word === '' || word === false ? undefined : Number(word);

class Script {
  constructor(
    private readonly keyspace: Keyspace,
    private readonly lives: { readonly fenceMs: number; readonly ledgerMs: number },
    private readonly nowUs: number,
    private readonly memory: Memory,
    private readonly marker: string,
    private readonly operation: Operation,
    private readonly publish: Publish,
    private readonly flaw: ScriptFlaw | undefined,
  ) {}

  run(): unknown {
    switch (this.operation.verb) {
      case 'a':
        return this.#acquire();
      case 'q':
        return this.#acquireOrWait();
      case 'w':
        return this.#passOn();
      case 'c':
        return this.#confirm();
      case 'e':
        return this.#extend();
      case 'r':
        return this.#release();
      default:
        return this.#inspect();
    }
  }

  #acquire(): unknown {
    const { keys, holder, argument } = this.operation;
    const [ttlMs, seed, tick] = [Number(argument[0]), numberIn(argument[1]), numberIn(argument[2])];
    const tokens = this.flaw === 'a range counted as one' ? 1 : Number(argument[3]);
    for (const [lock, fence] of keys) {
      const owner = this.keyspace.get(lock);
      if (owner !== undefined && owner !== holder) return this.#refused(1, lock, owner);
      const last = this.#tick(fence);
      if (tick !== undefined && last !== undefined && last >= tick) return [2, 2, '', 0];
      if (tick !== undefined && tick < this.memory.knowsFromMs && this.flaw !== 'forgotten ticks granted')
        return [5, 'the node lost its memory after this tick was due'];
    }
    const counters = keys.map(([, fence]) => this.#counterToGoOnFrom(fence, seed ?? 0));
    const highest = seed === undefined ? 0 : Math.max(0, ...counters);
    if (keys.every(([lock]) => this.keyspace.get(lock) === holder)) return highest - (seed ?? 0);
    const counter = seed === undefined ? 0 : highest + tokens;
    for (const [lock, fence] of keys) {
      if (seed !== undefined) this.#setFence(fence, { counter });
      this.keyspace.set(lock, holder, ttlMs);
    }
    return counter - (seed ?? 0);
  }

  #acquireOrWait(): unknown {
    const { keys, argument, lists } = this.operation;
    const [waiter, lifeMs] = [String(argument[4]), Number(argument[5])];
    const reply = this.#acquire();
    if (typeof reply === 'number') {
      for (const list of lists) this.keyspace.removeMember(list, waiter);
      return [1, reply, Math.max(...lists.map((list) => this.keyspace.members(list).length))];
    }
    const [kind, reason, owner] = reply as unknown[];
    const refusing = keys.findIndex(([lock]) => this.keyspace.get(lock) === owner);
    if (kind === 2 && reason === 1) this.#enlist(lists[refusing]!, waiter, lifeMs);
    return reply;
  }

  #enlist(list: string, waiter: string, lifeMs: number): void {
    this.keyspace.addMember(list, waiter, this.nowUs);
    if (this.keyspace.pttl(list) < lifeMs) this.keyspace.pexpire(list, lifeMs);
    const untilMs = Math.ceil(this.nowUs / 1_000) + lifeMs;
    if ((numberIn(this.keyspace.field(this.marker, 'waits')) ?? 0) < untilMs)
      this.keyspace.setField(this.marker, 'waits', String(untilMs + lifeMs));
  }

  #wake(lock: string, list: string): number {
    for (const waiter of this.keyspace.members(list)) {
      this.keyspace.removeMember(list, waiter);
      if (this.publish(this.marker.replace(/node$/, `wake:${waiter}`), lock) > 0) return 1;
    }
    return 0;
  }

  #passOn(): unknown {
    for (const [lock, list] of this.operation.keys)
      if (this.keyspace.get(lock) === undefined) this.#wake(lock, list);
    return 0;
  }

  #confirm(): unknown {
    const { keys, holder, argument } = this.operation;
    const [token, tick] = [Number(argument[0]), numberIn(argument[1])];
    if (this.flaw === 'tick without ownership' && tick !== undefined)
      for (const [, fence] of keys) this.#setFence(fence, { tick });
    for (const [lock, fence] of keys) {
      if (this.flaw === 'confirm without ownership') break;
      const owner = this.keyspace.get(lock);
      if (owner === undefined) return [2, 3, '', 0];
      if (owner !== holder) return this.#refused(1, lock, owner);
      const counter = this.#counter(fence) ?? 0;
      if (counter > token && this.flaw !== 'counter above the token') return [2, 4, '', 0, counter];
    }
    for (const [, fence] of keys) {
      const least = this.flaw === 'confirm without ownership' ? token : (this.#counter(fence) ?? 0);
      const counter = Math.max(token, least);
      this.#setFence(fence, { counter, ...(tick === undefined ? {} : { tick }) });
    }
    return 0;
  }

  #extend(): unknown {
    const { keys, holder, argument } = this.operation;
    const [token, maxCounter, ttlMs] = [numberIn(argument[0]), numberIn(argument[1]), Number(argument[2])];
    const recreates = this.flaw === 'extension re-creates';
    for (const [lock, fence] of keys) {
      const owner = this.keyspace.get(lock);
      if (owner !== undefined && owner !== holder) return this.#refused(1, lock, owner);
      if (owner === undefined && token === -1) return [2, 3, '', 0];
      const counter = this.#counter(fence) ?? 0;
      if (token === undefined || recreates) continue;
      if (owner !== undefined && maxCounter !== undefined && counter > maxCounter)
        return [2, 4, '', 0, counter];
      if (owner === undefined && counter > token) return [2, 3, '', 0];
    }
    const restored = keys.some(
      ([lock, fence]) => this.keyspace.get(lock) === undefined && this.#counter(fence) === undefined,
    );
    for (const [lock, fence] of keys) {
      const shorter = this.flaw === 'extension shortens' || this.keyspace.pttl(lock) < ttlMs;
      if (this.keyspace.get(lock) === undefined) this.keyspace.set(lock, holder, ttlMs);
      else if (shorter) this.keyspace.pexpire(lock, ttlMs);
      if (maxCounter !== undefined)
        this.#setFence(fence, { counter: Math.max(maxCounter, this.#counter(fence) ?? 0) });
    }
    if (restored && !recreates) return [4];
    return 0;
  }

  #release(): unknown {
    const { keys, holder, argument } = this.operation;
    const keepMs = Number(argument[0]);
    const mine = keys.filter(([lock]) => {
      const owner = this.keyspace.get(lock);
      return owner !== undefined && (owner === holder || this.flaw === 'release without comparing');
    });
    let told = 0;
    for (const [lock, list] of mine) {
      if (keepMs > 0) this.keyspace.pexpire(lock, keepMs);
      else this.keyspace.delete(lock);
      if (argument[1] !== false) this.#enlist(list, String(argument[1]), Number(argument[2]));
      told += this.#wake(lock, list);
    }
    if (mine.length === 0) return [2, 3, '', 0];
    return told > 0 ? [1, 0, told] : 0;
  }

  #inspect(): unknown[] {
    const [lock, fence] = this.operation.keys[0]!;
    const owner = this.keyspace.get(lock);
    const counter = this.#counter(fence) ?? '';
    const tick = this.#tick(fence) ?? '';
    return [6, owner ?? '', owner === undefined ? 0 : this.keyspace.pttl(lock), counter, tick];
  }

  #refused(reason: number, lock: string, owner: string): unknown[] {
    return [2, reason, owner, this.keyspace.pttl(lock)];
  }

  #fence(fence: string): Fence {
    const [counter, tick] = (this.keyspace.get(fence) ?? '').split(':');
    return { counter: numberIn(counter), tick: numberIn(tick) };
  }

  #counter(fence: string): number | undefined {
    return this.#fence(fence).counter;
  }

  /** Counters below this go on from the time: old data, or a key that was given its life long ago. */
  get #lowest(): number {
    const halfLife = this.nowUs - this.lives.fenceMs * 500;
    return this.flaw === 'old counter believed' ? halfLife : Math.max(halfLife, this.memory.anewUs);
  }

  /** An old counter may have come back with old data: then it is only a lower bound. */
  #counterToGoOnFrom(fence: string, seed: number): number {
    const counter = this.#counter(fence);
    if (counter !== undefined && counter >= this.#lowest) return counter;
    return Math.max(counter ?? 0, this.#seed(seed));
  }

  #tick(fence: string): number | undefined {
    return this.#fence(fence).tick;
  }

  /** A fence key lives on for its time after every touch, longer with a tick on record. */
  #setFence(fence: string, news: Partial<Fence>): void {
    const { counter = 0, tick } = { ...this.#fence(fence), ...news };
    const lifeMs = tick === undefined ? this.lives.fenceMs : this.lives.ledgerMs;
    this.keyspace.set(fence, tick === undefined ? `${counter}` : `${counter}:${tick}`, lifeMs);
  }

  #seed(seed: number): number {
    if (this.flaw === 'counter seeded with 0') return 0;
    return Math.min(Math.max(seed, this.nowUs - 1_000_000), this.nowUs + 1_000_000);
  }
}
