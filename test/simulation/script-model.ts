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

interface Operation {
  readonly verb: string;
  readonly keys: readonly (readonly [lock: string, fence: string])[];
  readonly holder: string;
  readonly deadlineUs: number;
  readonly argument: readonly string[];
  /** Of an acquisition that is ready to wait. */
  readonly lists: readonly string[];
}

/** Tells the subscribers of a channel; gives how many there are. */
export type Publish = (channel: string, message: string) => number;

/** How many arguments come before the operations. */
const HEADER = 8;

/**
 * What the script of `src/node/redis/script.ts` does, written anew from its description: from the keys and arguments of a
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
  const words = args.map(String);
  const lives = { fenceMs: Number(words[0]), ledgerMs: Number(words[1]) };
  const aheadUs = Number(words[HEADER - 1]);
  const { finding, memory, knowsFromMs } = guard(keyspace, keys[0]!, words.slice(2, HEADER), nowUs);
  return [
    nowUs,
    finding,
    ...operationsIn(keys.slice(1), (words[HEADER] ?? '').split('\n').slice(0, -1)).map((operation) => {
      const late = nowUs > operation.deadlineUs + aheadUs && flaw !== 'no deadline';
      const tell: Publish = (waiter, lock) => publish(keys[0]!.replace(/node$/, `wake:${waiter}`), lock);
      return late
        ? [3]
        : new Script(keyspace, lives, nowUs, memory, knowsFromMs, operation, tell, flaw).run();
    }),
  ];
}

/** Whether the node remembers: what its marker says, and what becomes of it. */
function guard(
  keyspace: Keyspace,
  marker: string,
  [quarantine, run = '', durable, order = '', given = '']: readonly string[],
  nowUs: number,
): { readonly finding: unknown; readonly memory: string; readonly knowsFromMs: number } {
  const quarantineMs = Number(quarantine);
  if (quarantineMs === 0) return { finding: 0, memory: '', knowsFromMs: 0 };
  const known = { run: keyspace.field(marker, 'run'), since: numberIn(keyspace.field(marker, 'since')) };
  if (known.since === undefined && (order === 'l' || order === 'm'))
    return { finding: [-1, '', ''], memory: '', knowsFromMs: 0 };
  if (order === 'm') keyspace.setField(marker, 'members', given);
  const restarted = run !== '' && known.run !== undefined && known.run !== '' && known.run !== run;
  const forgot = known.since === undefined || known.since > nowUs || (restarted && durable !== '1');
  let since = forgot ? nowUs : known.since!;
  if (order === 'd') since = nowUs;
  if (order === 't' || (order === 'f' && known.since === undefined)) since = 0;
  const knownMs = numberIn(keyspace.field(marker, 'ttl')) ?? 0;
  const longestMs = Math.max(quarantineMs, knownMs);
  const id = keyspace.field(marker, 'id') ?? given;
  const isNews = run !== known.run || since !== known.since || longestMs !== knownMs;
  if (isNews) {
    keyspace.setField(marker, 'run', run === '' ? (known.run ?? '') : run);
    keyspace.setField(marker, 'since', String(since));
    keyspace.setField(marker, 'ttl', String(longestMs));
    keyspace.setField(marker, 'id', id);
  }
  const leftMs = Math.max(0, Math.ceil((since - nowUs) / 1_000 + longestMs));
  const memory = leftMs > 0 ? 'quarantine' : String(since);
  const members = keyspace.field(marker, 'members') ?? '';
  // While its grants do not count anyway, it says so in another way.
  const knowsFromMs = leftMs > 0 || since === 0 ? 0 : since / 1_000 + quarantineMs;
  return { finding: order === '' ? leftMs : [leftMs, id, members], memory, knowsFromMs };
}

function operationsIn(keys: readonly string[], lines: readonly string[]): Operation[] {
  const operations: Operation[] = [];
  let nextKey = 0;
  for (const line of lines) {
    const [first = '', deadline, holder = '', ...argument] = line.split(' ');
    const count = Number(first.slice(1));
    const [verb, perResource] = [first.charAt(0), first.startsWith('q') ? 3 : 2];
    operations.push({
      verb,
      keys: Array.from({ length: count }, (_, i) => [keys[nextKey + 2 * i]!, keys[nextKey + 2 * i + 1]!]),
      holder,
      deadlineUs: deadline === '' ? Number.POSITIVE_INFINITY : Number(deadline),
      argument,
      lists: keys.slice(nextKey + 2 * count, nextKey + perResource * count),
    });
    nextKey += perResource * count;
  }
  return operations;
}

/** What a fence key holds. */
interface Fence {
  readonly counter: number | undefined;
  readonly memory: string;
  readonly tick: string;
}

const numberIn = (word: string | undefined): number | undefined =>
  word === undefined || word === '' ? undefined : Number(word);

class Script {
  constructor(
    private readonly keyspace: Keyspace,
    private readonly lives: { readonly fenceMs: number; readonly ledgerMs: number },
    private readonly nowUs: number,
    private readonly memory: string,
    /** Ticks before this instant may have run without being on record here. */
    private readonly knowsFromMs: number,
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
      if (tick !== undefined && tick < this.knowsFromMs && this.flaw !== 'forgotten ticks granted')
        return [5, 'the node lost its memory after this tick was due'];
    }
    const counters = keys.map(([, fence]) => this.#counterToGoOnFrom(fence, seed ?? 0));
    const highest = seed === undefined ? 0 : Math.max(0, ...counters);
    if (keys.every(([lock]) => this.keyspace.get(lock) === holder)) return highest;
    const counter = seed === undefined ? 0 : highest + tokens;
    for (const [lock, fence] of keys) {
      if (seed !== undefined)
        this.#setFence(fence, { counter, ...(this.memory === '' ? {} : { memory: this.memory }) });
      this.keyspace.set(lock, holder, ttlMs);
    }
    return counter;
  }

  #acquireOrWait(): unknown {
    const { keys, argument, lists } = this.operation;
    const [waiter = '', lifeMs] = [argument[4], Number(argument[5])];
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
  }

  #wake(lock: string, list: string): number {
    for (const waiter of this.keyspace.members(list)) {
      this.keyspace.removeMember(list, waiter);
      if (this.publish(waiter, lock) > 0) return 1;
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
      for (const [, fence] of keys) this.#setFence(fence, { tick: String(tick) });
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
      this.#setFence(fence, { counter, ...(tick === undefined ? {} : { tick: String(tick) }) });
    }
    return token;
  }

  #extend(): unknown {
    const { keys, holder, argument } = this.operation;
    const [ttlMs, token, ceiling] = [Number(argument[0]), numberIn(argument[1]), numberIn(argument[2])];
    const recreates = this.flaw === 'extension re-creates';
    for (const [lock, fence] of keys) {
      const owner = this.keyspace.get(lock);
      if (owner !== undefined && owner !== holder) return this.#refused(1, lock, owner);
      if (owner === undefined && token === -1) return [2, 3, '', 0];
      const counter = this.#counter(fence) ?? 0;
      if (token === undefined || recreates) continue;
      if (owner !== undefined && ceiling !== undefined && counter > ceiling) return [2, 4, '', 0, counter];
      if (owner === undefined && counter > token) return [2, 3, '', 0];
    }
    const restored = keys.some(
      ([lock, fence]) => this.keyspace.get(lock) === undefined && this.#counter(fence) === undefined,
    );
    for (const [lock, fence] of keys) {
      const shorter = this.flaw === 'extension shortens' || this.keyspace.pttl(lock) < ttlMs;
      if (this.keyspace.get(lock) === undefined) this.keyspace.set(lock, holder, ttlMs);
      else if (shorter) this.keyspace.pexpire(lock, ttlMs);
      if (ceiling !== undefined)
        this.#setFence(fence, { counter: Math.max(ceiling, this.#counter(fence) ?? 0) });
    }
    if (restored && !recreates) return [4];
    return ceiling ?? 0;
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
      if (argument[1] !== '') this.#enlist(list, argument[1]!, Number(argument[2]));
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
    const [counter = '', memory = '', tick = ''] = (this.keyspace.get(fence) ?? '').split(':');
    return { counter: numberIn(counter), memory, tick };
  }

  #counter(fence: string): number | undefined {
    return this.#fence(fence).counter;
  }

  /** An old counter may have come back with old data: within another memory of the node it is only a lower bound. */
  #counterToGoOnFrom(fence: string, seed: number): number {
    const counter = this.#counter(fence);
    const isBelieved = this.memory === '' || this.flaw === 'old counter believed';
    const isOurs = isBelieved || this.#fence(fence).memory === this.memory;
    if (counter !== undefined && isOurs) return counter;
    return Math.max(counter ?? 0, this.#seed(seed));
  }

  #tick(fence: string): number | undefined {
    return numberIn(this.#fence(fence).tick);
  }

  /** A fence key lives on for its time after every touch, longer with a tick on record. */
  #setFence(fence: string, news: Partial<Fence>): void {
    const { counter = 0, memory, tick } = { ...this.#fence(fence), ...news };
    const lifeMs = tick === '' ? this.lives.fenceMs : this.lives.ledgerMs;
    this.keyspace.set(fence, `${counter}:${memory}:${tick}`, lifeMs);
  }

  #seed(seed: number): number {
    if (this.flaw === 'counter seeded with 0') return 0;
    return Math.min(Math.max(seed, this.nowUs - 1_000_000), this.nowUs + 1_000_000);
  }
}
