import type { Verb } from '../../../src/node/redis/protocol/script.js';
import type { Keyspace, Publish } from '../keyspace.js';
import type { Fences } from './fences.js';
import type { ScriptFlaw } from './flaws.js';
import type { Memory } from './guard.js';
import type { Instants } from './instants.js';
import type { Runs } from './runs.js';
import type { WaitLists } from './wait-lists.js';

/** A server during one call. */
export interface Server {
  readonly keyspace: Keyspace;
  readonly nowUs: number;
  readonly publish: Publish;
  readonly flaw: ScriptFlaw | undefined;
  readonly marker: string;
  readonly memory: Memory;
  readonly instants: Instants;
  readonly tickAheadMs: number;
}

/** One of the operations of a call. */
export interface Operation {
  /** The lock key of each resource, and its fence key or wait list. */
  readonly pairs: readonly (readonly [lock: string, second: string])[];
  /** The wait lists of an acquisition with a waiter. */
  readonly lists: readonly string[];
  readonly own: readonly string[];
}

/** What a verb has to carry out one operation. */
export interface Context {
  readonly server: Server;
  readonly operation: Operation;
  readonly fences: Fences;
  readonly runs: Runs;
  readonly waitLists: WaitLists;
}

/** The operations of a call, from its keys and its words after the terms. */
export function operationsIn(
  verb: Verb,
  keys: readonly string[],
  terms: readonly string[],
  words: readonly string[],
  ownCount: number,
): Operation[] {
  const resources = verb === 'inspect' || verb === 'history' ? 1 : Number(terms[0]);
  const isQueued = verb === 'acquire' && terms[4] !== '';
  const each = (isQueued ? 3 : 2) * resources;
  const operations: Operation[] = [];
  for (let at = 0; (at + 1) * each <= keys.length; at++) {
    const first = at * each;
    const pairs: [lock: string, second: string][] = [];
    for (let i = first; pairs.length < resources; i += 2) pairs.push([keys[i]!, keys[i + 1]!]);
    const lists = isQueued ? keys.slice(first + 2 * resources, first + each) : [];
    operations.push({ pairs, lists, own: words.slice(at * ownCount, (at + 1) * ownCount) });
  }
  return operations;
}

/** The answer where another holder has the key. */
export const heldBy = ({ keyspace }: Server, owner: string, lock: string): unknown[] => [
  'held',
  owner,
  keyspace.pttl(lock),
];
