import type { Keyspace } from '../keyspace.js';
import type { ScriptFlaw } from './flaws.js';
import type { Memory } from './guard.js';
import type { Instants } from './instants.js';
import { numberIn, setFields } from './words.js';

const memoryOf = ({ isDurable, run, mem }: Memory): string => `${isDurable ? '' : run} ${mem}`;

/** Gives the node an id. */
export function identify(
  keyspace: Keyspace,
  marker: string,
  memory: Memory,
  [, id = '', replacedId]: readonly string[],
  nowUs: number,
  flaw: ScriptFlaw | undefined,
): void {
  const present = keyspace.field(marker, 'id');
  if (present !== undefined && (memory.hasRecord || present !== replacedId)) return;
  if (memory.mem === '') memory.mem = String(nowUs);
  setFields(keyspace, marker, { id, mem: memory.mem });
  if (present !== undefined && flaw !== 'record for an old id')
    setFields(keyspace, marker, { seq: (numberIn(keyspace.field(marker, 'seq')) ?? 0) + 1 });
}

/** What a node says of its record. */
export function recordOf(
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
export function record(
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
  const outMs = askedMs < 0 ? 0 : instants.tell(memory.sinceUs);
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
