import type { Keyspace } from '../keyspace.js';
import type { ScriptFlaw } from './flaws.js';
import { numberIn, setFields } from './words.js';

/** What a node knows of its own memory. */
export interface Memory {
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

/** The memory of a call without a guard. */
export const NO_GUARD: Memory = {
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

/**
 * Whether the node remembers: what its marker says, and what becomes of it; `undefined` where it is left
 * without one.
 */
export function guard(
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
  const fields = keyspace.fields(marker);
  const known = {
    run: fields.get('run'),
    since: numberIn(fields.get('since')),
    longest: numberIn(fields.get('longest')) ?? 0,
    anew: numberIn(fields.get('anew')) ?? 0,
    lifted: numberIn(fields.get('lifted')),
  };
  const isDurable = durable === '1';
  const of = fields.get('of');
  const isOfRun = run === '' || isDurable || fields.get('by') === run;
  const before = fields.get('mem') ?? '';
  const wasRecorded = of !== undefined && of === before && isOfRun;
  const about = { run, isDurable, longestMs: known.longest };
  if (quarantineMs === 0) {
    const isSameRun = fields.get('counted') === run || flaw === 'counters of another run believed';
    const isBelieved = run === '' || isSameRun;
    const anewUs = isBelieved ? known.anew : Math.max(known.anew, nowUs);
    if (!isBelieved) setFields(keyspace, marker, { counted: run, anew: anewUs, writes });
    return { ...NO_GUARD, ...about, anewUs, isMarked: true, mem: before, hasRecord: wasRecorded };
  }
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
  const longestMs = Math.max(quarantineMs, known.longest, numberIn(fields.get('ttl')) ?? 0);
  const isLifted = lifted === since;
  const anewUs = Math.max(anew, since > 0 && !isLifted ? since + longestMs * 1_000 : 0);
  const isNews =
    isOther ||
    since !== known.since ||
    longestMs !== known.longest ||
    anewUs !== known.anew ||
    lifted !== known.lifted;
  if (isNews) {
    const id = fields.get('id') ?? spareId;
    if (known.since === undefined) keyspace.setField(marker, 'born', String(nowUs));
    const news = {
      run: run === '' ? (known.run ?? '') : run,
      since,
      longest: longestMs,
      anew: anewUs,
      lifted: lifted ?? '',
      mem,
      id,
    };
    setFields(keyspace, marker, { ...news, writes });
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
