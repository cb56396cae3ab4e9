import { FENCE_TTL_MS } from '../../../core/fencing.js';
import { writePair } from '../../../core/membership/record.js';
import type { RecordWrite } from '../../node-memory.js';
import { PRESENT_ONLY, type NodeRequest } from '../../node-request.js';
import type { GuardCommand } from '../../server/finding.js';
import { ACQUIRE } from './acquire.js';
import { bulk, bulkInstant, bulkNumber } from './bulk.js';
import { CallPlanner } from './calls.js';
import { CONFIRM } from './confirm.js';
import { EXTEND } from './extend.js';
import { FINISH } from './finish.js';
import { GUARD_COMMAND } from './guard.js';
import { HISTORY } from './history.js';
import { INSPECT } from './inspect.js';
import { channelsOf, fenceKeyOf, waitListOf } from './keys.js';
import { RECORD } from './record.js';
import { RELEASE } from './release.js';
import { CallContent, type Operation } from './script-call.js';
import type { Script } from './script.js';
import { WAKE } from './wake.js';

type Word = string | number;

/** What a request says to its script: see the header of each. */
interface Words {
  readonly script: Script;
  readonly terms: readonly Word[];
  readonly own: readonly Word[];
  readonly base: number;
}

const NOBODY = { waiter: '', listLivesMs: 0 };
/** The deadline of a request that has none. */
const NO_DEADLINE = Number.POSITIVE_INFINITY;

function wordsOf(keyPrefix: string, request: NodeRequest, fenceTtlMs: number): Words {
  const { holderId, resources } = request;
  switch (request.op) {
    case 'acquire': {
      const { list = '', ttlMs, seed, tick = '', tokens, retry = false, from = '' } = request;
      const { waiter, listLivesMs } = request.queueEntry ?? NOBODY;
      const life = Math.ceil(listLivesMs);
      const again = retry ? 1 : '';
      const terms = [list, resources.length, ttlMs, tick, tokens, waiter, life, again, from, fenceTtlMs];
      return { script: ACQUIRE, terms, own: [holderId, seed ?? ''], base: seed ?? 0 };
    }
    case 'confirm': {
      const { list = '', token, tick = '', attempt = 1 } = request;
      const terms = [list, resources.length, tick, tick === '' ? '' : attempt, fenceTtlMs];
      return { script: CONFIRM, terms, own: [holderId, token], base: token };
    }
    case 'extend': {
      const { list = '', ttlMs, maxCounter } = request;
      const terms = [list, resources.length, ttlMs, restoringOf(request), fenceTtlMs];
      return { script: EXTEND, terms, own: [holderId, maxCounter ?? ''], base: maxCounter ?? 0 };
    }
    case 'release': {
      const { keepMs, queueEntry: { waiter, listLivesMs } = NOBODY } = request;
      const channels = channelsOf(keyPrefix);
      const terms = [resources.length, Math.ceil(keepMs), waiter, Math.ceil(listLivesMs), channels];
      const { finish, open, note } = request;
      const mark = finish ?? open;
      if (mark === undefined && note === undefined)
        return { script: RELEASE, terms, own: [holderId], base: 0 };
      const state = finish === undefined ? (open === undefined ? '' : 'open') : 'finished';
      const runTerms = [mark?.tick ?? '', mark?.attempt ?? '', state, note?.most ?? 0];
      const own = [holderId, note?.rank ?? '', note?.text ?? '', note?.succeededAt ?? ''];
      return { script: FINISH, terms: [...terms, ...runTerms], own, base: 0 };
    }
    case 'wake':
      return { script: WAKE, terms: [resources.length, channelsOf(keyPrefix)], own: [holderId], base: 0 };
  }
}

/** The word that tells the script `extend` when it sets a missing key again. */
function restoringOf({ token, maxCounter }: NodeRequest & { readonly op: 'extend' }): Word {
  if (token === PRESENT_ONLY) return 'never';
  if (token === undefined || maxCounter === undefined || token === Number.MAX_SAFE_INTEGER) return 'always';
  return maxCounter - token;
}

/**
 * Turns requests into operations and calls. The nodes of a manager share one encoder. They get the same
 * requests one right after the other, so the encoder keeps what it made last for the next node.
 */
export class RequestEncoder {
  readonly #planner = new CallPlanner();
  #last:
    | {
        readonly keyPrefix: string;
        readonly request: NodeRequest;
        readonly slot: number | undefined;
        readonly operation: Operation;
      }
    | undefined;
  #lastBase: { readonly base: number; readonly text: string } | undefined;
  /** The terms of the last request for each script. Requests that arise together often have the same ones. */
  readonly #lastTerms = new Map<Script, { readonly terms: readonly Word[]; readonly text: string }>();

  /** `fenceTtlMs`: how long a fence key lives after it was last written. */
  constructor(private readonly fenceTtlMs: number = FENCE_TTL_MS) {}

  /** The operation for a request. `slot` is the slot of its keys, on a shard of a Cluster only. */
  operationOf(keyPrefix: string, request: NodeRequest, slot?: number): Operation {
    const last = this.#last;
    if (last?.request === request && last.keyPrefix === keyPrefix && last.slot === slot)
      return last.operation;
    const { script, terms, own, base } = wordsOf(keyPrefix, request, this.fenceTtlMs);
    const { op, resources } = request;
    const hasDeadline = op !== 'release' && op !== 'wake';
    const hasLists = op === 'acquire' && request.queueEntry !== undefined;
    const operation: Operation = {
      script,
      resources,
      slot: slot ?? 0,
      keys: keysOf(
        keyPrefix,
        resources,
        script === RELEASE || script === WAKE ? waitListOf : fenceKeyOf,
        hasLists,
        slot !== undefined,
      ),
      keyCount: (hasLists ? 3 : 2) * resources.length,
      terms: this.#encodedTerms(script, terms),
      termCount: terms.length,
      deadlineAt: hasDeadline ? request.deadlineAt : NO_DEADLINE,
      own: this.#encodedOwn(own),
      ownCount: own.length,
      base,
      granted: undefined,
    };
    this.#last = { keyPrefix, request, slot, operation };
    return operation;
  }

  /** The calls for operations that arose together, see `CallPlanner`. */
  callsOf(operations: readonly Operation[], now: number): readonly CallContent[] {
    return this.#planner.callsOf(operations, now);
  }

  /**
   * A counter is about as large as an instant in µs. Such a number is turned into text slowly, and requests
   * of a millisecond name the same one.
   */
  #encodedOwn(own: readonly Word[]): string {
    const [holderId, base] = own;
    if (holderId === undefined) return '';
    if (own.length > 2) return encoded(own);
    const holder = bulk(String(holderId));
    if (typeof base !== 'number') return base === undefined ? holder : holder + bulk(base);
    if (this.#lastBase?.base !== base) this.#lastBase = { base, text: bulkInstant(base) };
    return holder + this.#lastBase.text;
  }

  #encodedTerms(script: Script, terms: readonly Word[]): string {
    const last = this.#lastTerms.get(script);
    if (last !== undefined && areEqual(last.terms, terms)) return last.text;
    const text = encoded(terms);
    this.#lastTerms.set(script, { terms, text });
    return text;
  }
}

export const inspectOperation = (keyPrefix: string, resource: string, isOnShard = false): Operation =>
  questionAbout(INSPECT, keyPrefix, resource, isOnShard);

export const historyOperation = (keyPrefix: string, resource: string, isOnShard = false): Operation =>
  questionAbout(HISTORY, keyPrefix, resource, isOnShard);

function questionAbout(script: Script, keyPrefix: string, resource: string, isOnShard: boolean): Operation {
  const lock = keyPrefix + resource;
  return {
    script,
    resources: [resource],
    slot: 0,
    keys: encoded([lock, fenceKeyOf(lock, isOnShard)]),
    keyCount: 2,
    terms: '',
    termCount: 0,
    deadlineAt: NO_DEADLINE,
    own: '',
    ownCount: 0,
    base: 0,
    granted: undefined,
  };
}

/** A call of the guard alone. */
export const guardContent = (command: GuardCommand, id: string, replacedId: string): CallContent =>
  contentOf(GUARD_COMMAND, [command, id, replacedId], NO_DEADLINE);

/** A call that writes a node's record. `waitMs`: see `record`, ARGV[12]. */
export function recordContent(write: RecordWrite, waitMs: number, deadlineAt: number): CallContent {
  const { list, previous, memory, sequence, votesIn } = write;
  const [cur, prev] = [votesIn.list ? list.id : '', votesIn.previous ? (previous?.id ?? '') : ''];
  const members = JSON.stringify(list.members.map(({ id, address }) => [id, address]));
  const words = [memory, sequence, cur, prev, writePair(write), Math.ceil(waitMs), members];
  return contentOf(RECORD, words, deadlineAt);
}

/** A call without operations. */
const contentOf = (script: Script, words: readonly Word[], deadlineAt: number): CallContent =>
  new CallContent(script, [], [], deadlineAt, '', 0, encoded(words), words.length);

/** The lock key and a second key of each resource; then, if asked for, the wait list of each resource. */
function keysOf(
  keyPrefix: string,
  resources: readonly string[],
  second: (lock: string, isOnShard: boolean) => string,
  hasLists: boolean,
  isOnShard: boolean,
): string {
  let keys = '';
  for (const resource of resources) {
    const lock = keyPrefix + resource;
    keys += bulk(lock) + bulk(second(lock, isOnShard));
  }
  if (hasLists) for (const resource of resources) keys += bulk(waitListOf(keyPrefix + resource, isOnShard));
  return keys;
}

function encoded(words: readonly Word[]): string {
  let text = '';
  for (const word of words) text += typeof word === 'number' ? bulkNumber(word) : bulk(word);
  return text;
}

function areEqual(some: readonly Word[], others: readonly Word[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}
