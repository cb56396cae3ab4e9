import { TICK_AHEAD_MS } from '../../../src/core/run.js';
import type { Verb } from '../../../src/node/redis/protocol/script.js';
import type { Keyspace, Publish } from '../keyspace.js';
import { acquire } from './acquire.js';
import { confirm } from './confirm.js';
import { extend } from './extend.js';
import { Fences } from './fences.js';
import type { ScriptFlaw } from './flaws.js';
import { guard, NO_GUARD } from './guard.js';
import { history, inspect } from './inspect.js';
import { Instants } from './instants.js';
import { operationsIn, type Operation, type Server } from './operation.js';
import { identify, record, recordOf } from './record.js';
import { finish, release, wake } from './release.js';
import { Runs } from './runs.js';
import { WaitLists } from './wait-lists.js';
import { numberIn } from './words.js';

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
  wake: { guard: 1, terms: 2, own: 1 },
  inspect: { guard: 5, terms: 0, own: 0 },
  history: { guard: 1, terms: 0, own: 0 },
  guard: { guard: 5, terms: 3, own: 0 },
  record: { guard: 5, deadline: true, terms: 8, own: 0 },
};

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
    if (terms[0] === 'identify') identify(keyspace, marker, memory, terms, nowUs, flaw);
    const isOff = Number(args[1]) === 0;
    const field = (name: string): string => keyspace.field(marker, name) ?? '';
    const outMs = isOff ? 0 : instants.tell(memory.sinceUs);
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
    const listed = keyspace.fields(marker);
    const isListed = memory.hasRecord && (listed.get('cur') === id || listed.get('prev') === id);
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

/** Tells several zeros in a row as their number. */
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

function answerOf(verb: Verb, server: Server, terms: readonly string[], operation: Operation): unknown {
  // The last term of those verbs that write a counter.
  const fences = new Fences(server, Number(terms.at(-1)));
  const runs = new Runs(server, fences);
  const context = { server, operation, fences, runs, waitLists: new WaitLists(server) };
  switch (verb) {
    case 'acquire':
      return acquire(context, terms);
    case 'confirm':
      return confirm(context, terms);
    case 'extend':
      return extend(context, terms);
    case 'release':
      return release(context, terms);
    case 'finish':
      return finish(context, terms);
    case 'wake':
      return wake(context, terms);
    case 'inspect':
      return inspect(context);
    case 'history':
      return history(context);
    case 'guard':
    case 'record':
      throw new Error('this script has no operations');
  }
}
