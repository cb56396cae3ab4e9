import {
  finishAnswer,
  isTakenBack,
  refusesRun,
  TICK_AHEAD_MS,
  TICK_FORGOTTEN,
  TICK_TOO_FAR_AHEAD,
  type RunMark,
  type RunRecord,
} from '../../src/core/run.js';
import { impossibleCounter, isPossibleCounter } from '../../src/core/fencing.js';
import type { Verb } from '../../src/node/redis/protocol/script.js';
import type { Keyspace, Publish } from './keyspace.js';

/**
 * Ways in which a script could be wrong. They are for the test of the simulation itself, which has to find
 * each. What each must not do stands beside its use.
 */
export const SCRIPT_FLAWS = [
  'confirm without ownership',
  'counter above the token',
  'counter seeded with 0',
  'fence key that lives too short',
  'extension shortens',
  'extension re-creates',
  'release without comparing',
  'tick without ownership',
  'no deadline',
  'old counter believed',
  'forgotten ticks granted',
  'ticks of one quarantine forgotten',
  'a range counted as one',
  'any counter believed',
  'any list accepted',
  'record without comparing',
  'no wait for leases',
  'extension raises no instant',
  'no instant told',
  'lift of any memory',
  'counters of a quarantine believed',
  'take-back without ownership',
  'retry over the key',
  'attempt not written',
  'confirm of a finished tick',
  'finish over a later attempt',
  'finish makes a counter',
  'waits for a clock',
  'notes without a bound',
  'an earlier success over a later one',
  'adoption without comparing',
] as const;

export type ScriptFlaw = (typeof SCRIPT_FLAWS)[number];

/** The life of a fence key where the flaw makes it shorter than a second's difference of clocks. */
const FLAWED_FENCE_MS = 40;
const LEDGER_MS = 7 * 24 * 3_600_000;
interface Shape {
  /** How many words of ARGV come before the terms. */
  readonly guard: 1 | 5;
  /** Whether the first term is a deadline. */
  readonly deadline?: true;
  /** Whether the id of a list comes next. */
  readonly list?: true;
  readonly terms: number;
  /** How many words each operation has of its own. */
  readonly own: number;
}

const SHAPES: Readonly<Record<Verb, Shape>> = {
  acquire: { guard: 5, deadline: true, list: true, terms: 11, own: 2 },
  confirm: { guard: 5, deadline: true, list: true, terms: 6, own: 2 },
  extend: { guard: 5, deadline: true, list: true, terms: 6, own: 2 },
  release: { guard: 1, terms: 5, own: 1 },
  finish: { guard: 5, terms: 9, own: 4 },
  wake: { guard: 1, terms: 2, own: 0 },
  inspect: { guard: 5, terms: 0, own: 0 },
  history: { guard: 1, terms: 0, own: 0 },
  guard: { guard: 5, terms: 3, own: 0 },
  record: { guard: 5, deadline: true, terms: 8, own: 0 },
};

const NO_GUARD: Memory = {
  leftMs: 0,
  anewUs: 0,
  knowsFromMs: 0,
  sinceUs: 0,
  mem: '',
  run: '',
  isDurable: false,
  isMarked: false,
  hasRecord: false,
  longestMs: 0,
};

interface Server {
  readonly keyspace: Keyspace;
  readonly nowUs: number;
  readonly publish: Publish;
  readonly flaw: ScriptFlaw | undefined;
  readonly marker: string;
  readonly memory: Memory;
  readonly instants: Instants;
  readonly tickAheadMs: number;
}

/**
 * What the scripts of `src/node/redis/protocol` do, written anew from the descriptions at their heads: from
 * the keys and arguments of a call to the reply. A test holds it to the scripts themselves, on a real server.
 */
export function runScript(
  verb: Verb,
  keyspace: Keyspace,
  keys: readonly string[],
  args: readonly string[],
  nowUs: number,
  publish: Publish,
  flaw?: ScriptFlaw,
  tickAheadMs = TICK_AHEAD_MS,
): unknown[] {
  keyspace.nowMs = Math.floor(nowUs / 1_000);
  const isApart = args[0] !== '';
  const marker = isApart ? args[0]! : keys[0]!;
  const { guard: guardCount, terms: termCount, own, deadline, list } = SHAPES[verb];
  const isGuarded = guardCount > 1;
  const terms = args.slice(guardCount, guardCount + termCount);
  const command = verb === 'guard' ? terms : [];
  // All that one call writes to the marker counts as one.
  const writes = (numberIn(keyspace.field(marker, 'writes')) ?? 0) + 1;
  const instants = new Instants(keyspace, marker, nowUs, writes, isGuarded ? Number(args[1]) : 0, flaw);
  const memory = isGuarded
    ? guard(keyspace, marker, args, command, nowUs, writes, flaw, tickAheadMs)
    : NO_GUARD;
  if (memory === undefined) return [nowUs, -1, '', ''];
  const head = isGuarded ? [nowUs, memory.leftMs] : [];
  if (verb === 'guard') {
    if (terms[0] === 'identify') identify(keyspace, marker, memory, terms, nowUs);
    const isOff = Number(args[1]) === 0;
    const field = (name: string): string => keyspace.field(marker, name) ?? '';
    const outMs = isOff ? 0 : instants.tell();
    const { sinceUs } = memory;
    const name = [...head, keyspace.field(marker, 'id') ?? (isOff ? '' : args[4]), field('members')];
    const about = [
      ...[`${field('run')}:${sinceUs}`, Math.floor((nowUs - sinceUs) / 1_000), outMs],
      ...[Number(field('longest')), Number(field('born')), Number(field('writes'))],
    ];
    return [
      ...name,
      ...(isOff ? [0, 0, 0, 0, 0, 0] : about),
      ...recordOf(keyspace, marker, memory, nowUs, flaw),
    ];
  }
  if (deadline && nowUs > Number(terms.shift()) && flaw !== 'no deadline') return [...head, 'late'];
  if (verb === 'record') return [...head, record(keyspace, marker, memory, terms, nowUs, instants, flaw)];
  if (list) {
    const id = terms.shift()!;
    const listed = [keyspace.field(marker, 'cur'), keyspace.field(marker, 'prev')];
    const isListed = memory.hasRecord && listed.includes(id);
    if (id !== '' && !isListed && flaw !== 'any list accepted') return [...head, 'mismatch'];
  }
  const server = { keyspace, nowUs, publish, flaw, marker, memory, instants, tickAheadMs };
  if (verb === 'acquire') instants.raise(Number(terms[1]));
  if (verb === 'extend' && flaw !== 'extension raises no instant') instants.raise(Number(terms[1]));
  const words = args.slice(guardCount + termCount);
  const operations = operationsIn(verb, keys.slice(isApart ? 0 : 1), terms, words, own);
  const answers = operations.map((operation) => {
    try {
      return answerOf(verb, server, terms, operation);
    } catch (error) {
      return ['error', (error as Error).message];
    }
  });
  return [...head, ...inRuns(answers)];
}

/** Of 0 after 0 only the number is told. */
function inRuns(answers: readonly unknown[]): unknown[] {
  const told: unknown[] = [];
  for (let at = 0; at < answers.length;) {
    let next = at;
    while (answers[next] === 0) next++;
    if (next > at + 1) told.push(['zeros', next - at]);
    else told.push(answers[at]);
    at = Math.max(next, at + 1);
  }
  return told;
}

/** What a node knows of its own memory. */
interface Memory {
  /** For how long its grants do not count. */
  readonly leftMs: number;
  /** Counters below this instant (µs) may have come back with old data. */
  readonly anewUs: number;
  /** Ticks before this instant may have run without being on record here. */
  readonly knowsFromMs: number;
  /** When it began. */
  readonly sinceUs: number;
  /** Names it, as the marker has it. */
  mem: string;
  readonly run: string;
  readonly isDurable: boolean;
  /** Whether it has a marker, or needs none. */
  readonly isMarked: boolean;
  /** Whether its record was written in its present memory. */
  readonly hasRecord: boolean;
  /** The longest quarantine that was ever asked for. */
  readonly longestMs: number;
}

const memoryOf = ({ isDurable, run, mem }: Memory): string => `${isDurable ? '' : run} ${mem}`;

/** Gives the node an id. */
function identify(
  keyspace: Keyspace,
  marker: string,
  memory: Memory,
  [, id = '', replacedId]: readonly string[],
  nowUs: number,
): void {
  const present = keyspace.field(marker, 'id');
  if (present !== undefined && (memory.hasRecord || present !== replacedId)) return;
  if (memory.mem === '') memory.mem = String(nowUs);
  setFields(keyspace, marker, { id, mem: memory.mem });
}

/** What a node says of its record. */
function recordOf(
  keyspace: Keyspace,
  marker: string,
  memory: Memory,
  nowUs: number,
  flaw: ScriptFlaw | undefined,
): unknown[] {
  const [sequence = 0, recordedFrom = 0, writtenUs] = ['seq', 'from', 'wrote'].map((name) =>
    numberIn(keyspace.field(marker, name)),
  );
  const from = memory.hasRecord ? recordedFrom : 0;
  const wrote = (memory.hasRecord ? writtenUs : numberIn(memory.mem)) ?? nowUs;
  // The clock was set back since: what is to be waited for begins anew.
  if (wrote > nowUs && flaw !== 'waits for a clock') {
    if (memory.hasRecord) setFields(keyspace, marker, { from: nowUs + from - wrote, wrote: nowUs });
    else setFields(keyspace, marker, { mem: (memory.mem = String(nowUs)) });
    return recordOf(keyspace, marker, memory, nowUs, flaw);
  }
  return [
    memoryOf(memory),
    sequence,
    memory.hasRecord ? keyspace.field(marker, 'record') : '',
    Math.max(0, Math.ceil((from - nowUs) / 1_000)),
    Math.max(0, Math.floor((nowUs - wrote) / 1_000)),
  ];
}

/** Writes the record, unless it is another one than the client read. */
function record(
  keyspace: Keyspace,
  marker: string,
  memory: Memory,
  [name, sequence, list = '', previous = '', text = '', wait, members = '']: readonly string[],
  nowUs: number,
  instants: Instants,
  flaw: ScriptFlaw | undefined,
): string {
  const present = numberIn(keyspace.field(marker, 'seq')) ?? 0;
  const isAsRead = memoryOf(memory) === name && present === Number(sequence);
  if (!memory.isMarked || (!isAsRead && flaw !== 'record without comparing')) return 'changed';
  const askedMs = Number(wait);
  const before = memory.hasRecord ? (numberIn(keyspace.field(marker, 'from')) ?? 0) : 0;
  const outMs = askedMs < 0 ? 0 : instants.tell();
  const waitMs =
    flaw === 'no wait for leases' ? 0 : Math.max(outMs, ...(askedMs > 0 ? [askedMs, memory.longestMs] : []));
  setFields(keyspace, marker, {
    cur: list,
    prev: previous,
    of: memory.mem,
    by: memory.run,
    record: text,
    members,
    from: Math.max(nowUs + waitMs * 1_000, askedMs < 0 ? before : 0),
    wrote: nowUs,
    seq: present + 1,
  });
  return 'written';
}

const COARSE_MS = 1_000;
const LONG_TTL_MS = 60_000;

/** Until when keys may live that were set or prolonged, as the marker said before the call. */
class Instants {
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
    const numberOf = (name: string): number => numberIn(keyspace.field(marker, name)) ?? 0;
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

  /** For how long a key may live. */
  tell(): number {
    let instant = this.#instant;
    if (this.#ttl > 0) {
      instant = Math.max(instant, this.#nowMs + this.#ttl);
      setFields(this.keyspace, this.marker, { instant, ttl: 0, writes: this.writes });
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

function setFields(keyspace: Keyspace, key: string, fields: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(fields)) keyspace.setField(key, name, String(value));
}

/**
 * Whether the node remembers: what its marker says, and what becomes of it; `undefined` where it is left
 * without one.
 */
function guard(
  keyspace: Keyspace,
  marker: string,
  [, quarantine, run = '', durable, spareId = '']: readonly string[],
  [command, word = '']: readonly string[],
  nowUs: number,
  writes: number,
  flaw: ScriptFlaw | undefined,
  tickAheadMs: number,
): Memory | undefined {
  const quarantineMs = Number(quarantine);
  if (command === 'remove' && word !== marker) for (const key of [word, `${word}:long`]) keyspace.delete(key);
  const known = {
    run: keyspace.field(marker, 'run'),
    since: numberIn(keyspace.field(marker, 'since')),
    longest: numberIn(keyspace.field(marker, 'longest')) ?? 0,
    anew: numberIn(keyspace.field(marker, 'anew')) ?? 0,
    lifted: numberIn(keyspace.field(marker, 'lifted')),
  };
  const isDurable = durable === '1';
  const of = keyspace.field(marker, 'of');
  const isOfRun = run === '' || isDurable || keyspace.field(marker, 'by') === run;
  const before = keyspace.field(marker, 'mem') ?? '';
  const wasRecorded = of !== undefined && of === before && isOfRun;
  const about = { run, isDurable, longestMs: known.longest };
  if (quarantineMs === 0)
    return { ...NO_GUARD, ...about, isMarked: true, mem: before, hasRecord: wasRecorded };
  if (known.since === undefined && ['look', 'identify', 'remove'].includes(command ?? '')) return undefined;
  const isOther = run !== '' && known.run !== run;
  const restarted = isOther && known.run !== undefined && known.run !== '' && durable !== '1';
  const forgot = known.since === undefined || known.since > nowUs || restarted;
  let { lifted, anew } = known;
  const beginsAnew = forgot || command === 'quarantine';
  const isOtherMemory = beginsAnew && (known.since !== undefined || !wasRecorded);
  const mem = isOtherMemory ? String(nowUs) : before;
  let since = beginsAnew ? nowUs : known.since!;
  if (command === 'first use' && known.since === undefined) since = 0;
  if (command === 'trust' && (known.since !== 0 || isOther)) {
    if (known.since === undefined) since = 0;
    else lifted = since;
    anew = Math.max(anew, nowUs);
  }
  const isNamed = since === known.since && !isOther && word === `${known.run ?? ''}:${since}`;
  const mayBeLifted = isNamed || flaw === 'lift of any memory';
  if (command === 'lift' && mayBeLifted && nowUs - since >= 5_000_000) {
    lifted = since;
    anew = flaw === 'counters of a quarantine believed' ? 0 : nowUs;
  }
  const longestMs = Math.max(quarantineMs, known.longest, numberIn(keyspace.field(marker, 'ttl')) ?? 0);
  const isLifted = lifted === since;
  const anewUs = Math.max(anew, since > 0 && !isLifted ? since + longestMs * 1_000 : 0);
  const isNews =
    isOther ||
    since !== known.since ||
    longestMs !== known.longest ||
    anewUs !== known.anew ||
    lifted !== known.lifted;
  if (isNews) {
    const id = keyspace.field(marker, 'id') ?? spareId;
    if (known.since === undefined) keyspace.setField(marker, 'born', String(nowUs));
    const fields = {
      run: run === '' ? (known.run ?? '') : run,
      since,
      longest: longestMs,
      anew: anewUs,
      lifted: lifted ?? '',
      mem,
      id,
    };
    setFields(keyspace, marker, { ...fields, writes });
  }
  const endUs = isLifted ? since : since + longestMs * 1_000;
  const leftMs = Math.max(0, Math.ceil((endUs - nowUs) / 1_000));
  // While its grants do not count anyway, it says so in another way.
  const leastMs = flaw === 'ticks of one quarantine forgotten' ? 0 : tickAheadMs;
  const knowsFromMs = leftMs > 0 || since === 0 ? 0 : since / 1_000 + Math.max(quarantineMs, leastMs);
  const hasRecord = wasRecorded && !isOtherMemory;
  const isMarked = known.since !== undefined;
  return { ...about, leftMs, anewUs, knowsFromMs, sinceUs: since, mem, hasRecord, isMarked };
}

interface Operation {
  /** Of each resource: the lock key, and the fence key or the wait list. */
  readonly pairs: readonly (readonly [lock: string, second: string])[];
  /** Of an acquisition with a waiter. */
  readonly lists: readonly string[];
  readonly own: readonly string[];
}

function operationsIn(
  verb: Verb,
  keys: readonly string[],
  terms: readonly string[],
  words: readonly string[],
  ownCount: number,
): Operation[] {
  const resources = verb === 'inspect' || verb === 'history' ? 1 : Number(terms[0]);
  const isQueued = verb === 'acquire' && terms[4] !== '';
  const each = (isQueued ? 3 : 2) * resources;
  return Array.from({ length: keys.length / each }, (_, at) => {
    const mine = keys.slice(at * each, (at + 1) * each);
    return {
      pairs: Array.from({ length: resources }, (__, i) => [mine[2 * i]!, mine[2 * i + 1]!] as const),
      lists: mine.slice(2 * resources),
      own: words.slice(at * ownCount, (at + 1) * ownCount),
    };
  });
}

function answerOf(verb: Verb, server: Server, terms: readonly string[], operation: Operation): unknown {
  const node = new Node(server, operation, Number(terms.at(-1)));
  switch (verb) {
    case 'acquire':
      return node.acquire(terms);
    case 'confirm':
      return node.confirm(terms);
    case 'extend':
      return node.extend(terms);
    case 'release':
      return node.release(terms);
    case 'finish':
      return node.finish(terms);
    case 'wake':
      return node.wake(terms);
    case 'inspect':
      return node.inspect();
    case 'history':
      return node.history();
    case 'guard':
    case 'record':
      throw new Error('this script has no operations');
  }
}

/** What a fence key holds. */
interface Fence {
  readonly counter: number | undefined;
  readonly tick: number | undefined;
}

const numberIn = (word: string | undefined): number | undefined =>
  word === undefined || word === '' ? undefined : Number(word);

function errorOf(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}

const alreadyRan = ({ tick, attempt, state }: RunRecord): unknown[] => ['already ran', tick, attempt, state];

/** A server, seen by one operation. */
class Node {
  constructor(
    private readonly server: Server,
    private readonly operation: Operation,
    /** The last term of those verbs that write a counter. */
    private readonly fenceMs: number,
  ) {}

  acquire([, ttl, tickWord, tokens, waiter = '', life, retry, from]: readonly string[]): unknown {
    const { keyspace } = this.server;
    const { pairs, lists, own } = this.operation;
    const [seed, tick] = [numberIn(own[1]), numberIn(tickWord)];
    const taken = from === '' ? undefined : from;
    const giver = this.#giverLives(own[0]!, taken);
    const answer = this.#acquire(own[0]!, Number(ttl), seed, tick, retry === '1', Number(tokens), taken);
    const isGranted = typeof answer === 'number';
    const known = isGranted ? Math.max(...pairs.map(([, fence]) => this.#attemptOf(fence, tick))) : 0;
    const told = known > 0 ? [known] : isGranted && giver.length > 0 ? ['', Math.max(...giver)] : [];
    if (waiter === '') return told.length > 0 ? ['granted', answer, '', ...told] : answer;
    if (typeof answer === 'number') {
      for (const list of lists) keyspace.removeMember(list, waiter);
      return ['granted', answer, Math.max(...lists.map((list) => keyspace.members(list).length)), ...told];
    }
    const [kind, owner] = answer;
    const refusing = pairs.findIndex(([lock]) => keyspace.get(lock) === owner);
    if (kind === 'held') this.#enlist(lists[refusing]!, waiter, Number(life));
    return answer;
  }

  /** For how long the keys live that are taken from this holder. */
  #giverLives(holder: string, from: string | undefined): number[] {
    const { keyspace } = this.server;
    const { pairs } = this.operation;
    const taken = pairs.filter(([lock]) => {
      const owner = errorOf(() => keyspace.get(lock)) === undefined ? keyspace.get(lock) : undefined;
      return from !== undefined && owner === from && owner !== holder;
    });
    return taken.map(([lock]) => Math.max(0, keyspace.pttl(lock)));
  }

  #acquire(
    holder: string,
    ttlMs: number,
    seed: number | undefined,
    tick: number | undefined,
    retry: boolean,
    reserved: number,
    from: string | undefined,
  ): number | unknown[] {
    const { keyspace, instants, flaw, nowUs, tickAheadMs } = this.server;
    const { pairs } = this.operation;
    const tokens = flaw === 'a range counted as one' ? 1 : reserved;
    for (const [lock, fence] of pairs) {
      const owner = keyspace.get(lock);
      const isOver = retry && flaw === 'retry over the key';
      const isTaken = owner === from || (from !== undefined && flaw === 'adoption without comparing');
      if (owner !== undefined && owner !== holder && !isOver && !isTaken) return this.#heldBy(owner, lock);
      if (owner === undefined && from !== undefined && !isTaken) return ['absent'];
      if (seed === undefined && tick === undefined) continue;
      this.#possibleFence(fence);
      if (tick === undefined) continue;
      const run = this.#run(fence);
      if (refusesRun(run, tick, retry)) return alreadyRan(run!);
      this.#failIfForgotten(tick);
      if (tick * 1_000 > nowUs + tickAheadMs * 1_000) return ['error', TICK_TOO_FAR_AHEAD];
    }
    const isMine = pairs.every(([lock]) => keyspace.get(lock) === holder);
    let counter = 0;
    if (seed !== undefined) {
      counter = Math.max(0, ...pairs.map(([, fence]) => this.#counterToGoOnFrom(fence, seed)));
      if (!isMine) counter += tokens;
    }
    if (isMine) {
      for (const [lock] of pairs) instants.list(lock, holder, ttlMs);
      return counter - (seed ?? 0);
    }
    const isLone = tick === undefined && from === undefined;
    const isCounted = seed !== undefined && isLone && this.#isCountedUp(tokens);
    for (const [lock, fence] of pairs) {
      // A counter that is believed is counted up, and its key keeps its life.
      if (isCounted) keyspace.change(fence, `${counter}`);
      else if (seed !== undefined) this.#setFence(fence, { counter });
      const leftMs = keyspace.get(lock) === from ? keyspace.pttl(lock) : 0;
      keyspace.set(lock, holder, Math.max(ttlMs, from === undefined ? 0 : leftMs));
    }
    for (const [lock] of pairs) instants.list(lock, holder, ttlMs);
    return counter - (seed ?? 0);
  }

  confirm([, tickWord, attemptWord]: readonly string[]): unknown {
    const { keyspace, flaw } = this.server;
    const { pairs, own } = this.operation;
    const attempt = Number(attemptWord);
    const [holder, token, tick] = [own[0]!, Number(own[1]), numberIn(tickWord)];
    this.#failIfImpossible(token, pairs[0]![1]);
    if (flaw === 'tick without ownership' && tick !== undefined)
      for (const [, fence] of pairs) this.#start(fence, tick, attempt);
    for (const [lock, fence] of pairs) {
      if (flaw === 'confirm without ownership') break;
      const owner = keyspace.get(lock);
      if (owner === undefined) return ['absent'];
      if (owner !== holder) return this.#heldBy(owner, lock);
      const { counter = 0 } = this.#possibleFence(fence);
      if (counter > token && flaw !== 'counter above the token') return ['superseded', counter];
      if (tick === undefined) continue;
      const run = this.#run(fence);
      if (refusesRun(run, tick, true) && flaw !== 'confirm of a finished tick') return alreadyRan(run!);
      this.#failIfForgotten(tick);
    }
    for (const [, fence] of pairs) {
      const { counter = 0 } = this.#fence(fence);
      const least = flaw === 'confirm without ownership' ? token : Math.max(token, counter);
      const known = this.#attemptOf(fence, tick);
      this.#setFence(fence, { counter: least });
      const recorded = flaw === 'attempt not written' ? known : Math.max(attempt, known);
      if (tick !== undefined) this.#start(fence, tick, recorded);
    }
    return 0;
  }

  finish([, keep, waiter = '', life, channel = '', tick, attempt, state, most]: readonly string[]): unknown {
    const mark = { tick: Number(tick), attempt: Number(attempt) };
    const { flaw } = this.server;
    let [found, told, recorded] = [0, 0, 1];
    this.#forEachPair((lock, fence) => {
      const isOwner = this.#isOwner(lock);
      const failure = errorOf(() => {
        if (state === 'open') this.#takeBack(fence, mark, isOwner || flaw === 'take-back without ownership');
        else if (state === 'finished' && !this.#recordEnd(fence, mark)) recorded = 0;
      });
      this.#keepNote(fence, Number(most));
      const list = `${fence}:wait`;
      const notified = errorOf(() => {
        const count = this.#releasePair(lock, list, [keep!, waiter, life!, channel]);
        if (count === undefined) return;
        found++;
        told += count;
      });
      if (failure !== undefined || notified !== undefined) throw failure ?? notified;
    });
    return [found > 0 ? 'released' : 'absent', told, ...(state === 'finished' ? [recorded] : [])];
  }

  /** What goes wrong here goes wrong alone. */
  #keepNote(fence: string, most: number): void {
    const { keyspace, flaw } = this.server;
    const [, order, text = '', success] = this.operation.own;
    const [list, last] = [`${fence}:history`, `${fence}:success`];
    if (text !== '' && !keyspace.isSpoilt(list)) {
      keyspace.setField(list, text, order!);
      const tooMany = flaw === 'notes without a bound' ? 0 : keyspace.members(list).length - most;
      for (const old of keyspace.members(list).slice(0, Math.max(0, tooMany)))
        keyspace.removeMember(list, old);
      keyspace.pexpire(list, LEDGER_MS);
    }
    if (success === '' || success === undefined) return;
    const known = keyspace.isSpoilt(last) ? 0 : Number(keyspace.get(last) ?? 0) || 0;
    const isOlder = known >= Number(success) && flaw !== 'an earlier success over a later one';
    keyspace.set(last, isOlder ? String(known) : success, LEDGER_MS);
  }

  #isOwner(lock: string): boolean {
    let isOwner = false;
    errorOf(() => (isOwner = this.server.keyspace.get(lock) === this.operation.own[0]));
    return isOwner;
  }

  #takeBack(fence: string, mark: RunMark, isOwner: boolean): void {
    const run = this.#run(fence);
    if (isOwner && isTakenBack(run, mark)) this.#writeRun(fence, { ...mark, state: 'open' });
  }

  /** Whether the end of the run is on record, or need not be. */
  #recordEnd(fence: string, mark: RunMark): boolean {
    const run = this.#run(fence);
    const { memory, flaw } = this.server;
    if (this.#fence(fence).counter === undefined && flaw !== 'finish makes a counter')
      return mark.tick < memory.knowsFromMs;
    const isLater = flaw === 'finish over a later attempt' && run?.tick === mark.tick;
    const answer = isLater ? 'write' : finishAnswer(run, mark);
    if (answer === 'write') this.#writeRun(fence, { ...mark, state: 'finished' });
    return answer !== 'refuse';
  }

  extend([, ttl, restore]: readonly string[]): unknown {
    const { keyspace, flaw } = this.server;
    const { pairs, own } = this.operation;
    const [holder, maxCounter, ttlMs] = [own[0]!, numberIn(own[1]), Number(ttl)];
    const restoredUpTo =
      restore === 'always'
        ? Number.POSITIVE_INFINITY
        : (maxCounter ?? Number.POSITIVE_INFINITY) - Number(restore);
    const recreates = flaw === 'extension re-creates';
    this.#failIfImpossible(maxCounter, pairs[0]![1]);
    for (const [lock, fence] of pairs) {
      const owner = keyspace.get(lock);
      if (owner !== undefined && owner !== holder) return this.#heldBy(owner, lock);
      if (owner === undefined && restore === 'never') return ['absent'];
      const { counter } = maxCounter === undefined ? this.#fence(fence) : this.#possibleFence(fence);
      if (maxCounter === undefined || counter === undefined || recreates) continue;
      if (owner !== undefined && counter > maxCounter) return ['superseded', counter];
      if (owner === undefined && counter > restoredUpTo) return ['absent'];
    }
    const restored = pairs.some(
      ([lock, fence]) => keyspace.get(lock) === undefined && this.#fence(fence).counter === undefined,
    );
    const isUsual = this.#isAsLeft(holder, own[1]!, maxCounter);
    for (const [lock, fence] of pairs) {
      const shorter = flaw === 'extension shortens' || keyspace.pttl(lock) < ttlMs;
      if (keyspace.get(lock) === undefined) keyspace.set(lock, holder, ttlMs);
      else if (shorter) keyspace.pexpire(lock, ttlMs);
      if (flaw !== 'extension raises no instant') this.server.instants.list(lock, holder, ttlMs);
      if (maxCounter !== undefined && !isUsual)
        this.#setFence(fence, { counter: Math.max(maxCounter, this.#fence(fence).counter ?? 0) });
    }
    return restored && !recreates ? ['restored'] : 0;
  }

  release([, keep, waiter = '', life, channel = '']: readonly string[]): unknown {
    let [found, told] = [0, 0];
    this.#forEachPair((lock, list) => {
      const count = this.#releasePair(lock, list, [keep!, waiter, life!, channel]);
      if (count === undefined) return;
      found++;
      told += count;
    });
    if (found === 0) return ['absent'];
    return told > 0 ? ['granted', 0, told] : 0;
  }

  /** How many were told; `undefined`: the lock is not the holder's. */
  #releasePair(
    lock: string,
    list: string,
    [keep, waiter, life, channel]: readonly [string, string, string, string],
  ): number | undefined {
    const { keyspace, flaw, instants } = this.server;
    const keepMs = Number(keep);
    const owner = keyspace.get(lock);
    const isMine = owner === this.operation.own[0] || flaw === 'release without comparing';
    if (owner === undefined || !isMine) return undefined;
    if (keepMs > 0) keyspace.pexpire(lock, keepMs);
    else keyspace.delete(lock);
    instants.unlist(lock, owner, keepMs);
    if (waiter !== '') this.#enlist(list, waiter, Number(life));
    return this.#wakeFirst(lock, list, channel);
  }

  wake([, channel = '']: readonly string[]): unknown {
    this.#forEachPair((lock, list) => {
      if (this.server.keyspace.get(lock) === undefined) this.#wakeFirst(lock, list, channel);
    });
    return 0;
  }

  /** What cannot be done for one resource is told when the others are seen to. */
  #forEachPair(act: (lock: string, second: string) => void): void {
    const errors: unknown[] = [];
    for (const pair of this.operation.pairs) {
      try {
        act(...pair);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  inspect(): unknown[] {
    const { keyspace } = this.server;
    const [lock, fence] = this.operation.pairs[0]!;
    const owner = keyspace.get(lock);
    const { counter = '' } = this.#fence(fence);
    const { tick, attempt, state } = this.#run(fence) ?? { tick: '', attempt: 0, state: '' };
    const livesMs = owner === undefined ? 0 : keyspace.pttl(lock);
    const last = `${fence}:success`;
    const success = keyspace.isSpoilt(last) ? '' : Number(keyspace.get(last)) || '';
    return ['inspected', owner ?? '', livesMs, counter, tick, attempt, state, success];
  }

  history(): unknown[] {
    const { keyspace } = this.server;
    const list = `${this.operation.pairs[0]![1]}:history`;
    return keyspace.isSpoilt(list) ? ['error', 'WRONGTYPE'] : ['history', ...keyspace.members(list)];
  }

  /** The tick of the fence key, and what the key beside it says, if it is about that tick. */
  #run(fence: string): RunRecord | undefined {
    const { tick } = this.#fence(fence);
    if (tick === undefined) return undefined;
    const [ran, attempt, state] = (this.server.keyspace.get(`${fence}:run`) ?? '').split(':');
    return Number(ran) === tick && ran !== ''
      ? { tick, attempt: Number(attempt), state: state as RunRecord['state'] }
      : { tick, attempt: 0, state: 'finished' };
  }

  #writeRun(fence: string, { tick, attempt, state }: RunRecord): void {
    if (this.#fence(fence).tick !== tick) this.#setFence(fence, { tick });
    this.server.keyspace.set(`${fence}:run`, `${tick}:${attempt}:${state}`, LEDGER_MS);
  }

  #start(fence: string, tick: number, attempt: number): void {
    this.#setFence(fence, { tick });
    this.#writeRun(fence, { tick, attempt, state: 'started' });
  }

  /** The attempt on record for a tick; 0: none. */
  #attemptOf(fence: string, tick: number | undefined): number {
    if (tick === undefined) return 0;
    const run = this.#run(fence);
    return run?.tick === tick ? run.attempt : 0;
  }

  #failIfForgotten(tick: number): void {
    const { memory, flaw } = this.server;
    if (tick < memory.knowsFromMs && flaw !== 'forgotten ticks granted') throw new Error(TICK_FORGOTTEN);
  }

  #heldBy(owner: string, lock: string): unknown[] {
    return ['held', owner, this.server.keyspace.pttl(lock)];
  }

  #enlist(list: string, waiter: string, lifeMs: number): void {
    const { keyspace, nowUs, marker } = this.server;
    keyspace.addMember(list, waiter, nowUs);
    if (keyspace.pttl(list) < lifeMs) keyspace.pexpire(list, lifeMs);
    const untilMs = Math.ceil(nowUs / 1_000) + lifeMs;
    if ((numberIn(keyspace.field(marker, 'waits')) ?? 0) < untilMs)
      keyspace.setField(marker, 'waits', String(untilMs + lifeMs));
  }

  #wakeFirst(lock: string, list: string, channel: string): number {
    for (const waiter of this.server.keyspace.members(list)) {
      this.server.keyspace.removeMember(list, waiter);
      if (this.server.publish(channel + waiter, lock) > 0) return 1;
    }
    return 0;
  }

  #fence(fence: string): Fence {
    const value = this.server.keyspace.get(fence) ?? '';
    const [counter, tick] = value.split(':').map(numberIn);
    if (Number.isNaN(counter)) throw new Error(`${fence} holds something that is no fencing counter`);
    return { counter, tick };
  }

  /** The same where a counter is to be believed. */
  #possibleFence(fence: string): Fence {
    const found = this.#fence(fence);
    this.#failIfImpossible(found.counter, fence);
    return found;
  }

  #failIfImpossible(counter: number | undefined, fence: string): void {
    const { nowUs, flaw } = this.server;
    if (flaw === 'any counter believed' || counter === undefined) return;
    if (!isPossibleCounter(counter, nowUs / 1_000)) throw new Error(impossibleCounter(fence));
  }

  get #fenceMs(): number {
    return this.server.flaw === 'fence key that lives too short' ? FLAWED_FENCE_MS : this.fenceMs;
  }

  /** Counters below this go on from the time: old data, or a key that was given its life long ago. */
  get #lowest(): number {
    const { nowUs, memory, flaw } = this.server;
    const halfLife = nowUs - this.#fenceMs * 500;
    return flaw === 'old counter believed' ? halfLife : Math.max(halfLife, memory.anewUs);
  }

  /** An old counter may have come back with old data: then it is only a lower bound. */
  #counterToGoOnFrom(fence: string, seed: number): number {
    const { counter } = this.#fence(fence);
    if (counter !== undefined && counter >= this.#lowest) return counter;
    return Math.max(counter ?? 0, this.#clamped(seed));
  }

  /** Whether a grant of one resource only counts, so that the fence key is not given its life anew. */
  #isCountedUp(tokens: number): boolean {
    const [[, fence]] = this.operation.pairs as [readonly [string, string]];
    const { counter, tick } = this.#fence(fence);
    return (
      this.operation.pairs.length === 1 &&
      counter !== undefined &&
      tick === undefined &&
      counter >= this.#lowest &&
      isPossibleCounter(counter + tokens, this.server.nowUs / 1_000)
    );
  }

  /** Whether an extension finds keys and counters as the last one left them: then it writes no counter. */
  #isAsLeft(holder: string, bound: string, maxCounter: number | undefined): boolean {
    const { keyspace } = this.server;
    return (
      maxCounter !== undefined &&
      maxCounter >= this.#lowest &&
      this.operation.pairs.every(
        ([lock, fence]) => keyspace.get(lock) === holder && keyspace.get(fence) === bound,
      )
    );
  }

  /** A fence key lives for its time after it was written, longer with a tick on record. */
  #setFence(fence: string, news: Partial<Fence>): void {
    const { counter = 0, tick } = { ...this.#fence(fence), ...news };
    const value = tick === undefined ? `${counter}` : `${counter}:${tick}`;
    this.server.keyspace.set(fence, value, tick === undefined ? this.#fenceMs : LEDGER_MS);
  }

  #clamped(seed: number): number {
    const { nowUs, flaw } = this.server;
    if (flaw === 'counter seeded with 0') return 0;
    return Math.min(Math.max(seed, nowUs - 1_000_000), nowUs + 1_000_000);
  }
}
