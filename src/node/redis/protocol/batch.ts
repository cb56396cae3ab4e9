import { failed, type Failed, type Granted, type RefusalReason, type Vote } from '../../../core/vote.js';
import type { NodeInspection, NodeRequest } from '../../lock-node.js';
import { fenceKeyOf, waitListOf } from './keys.js';
import { ScriptCall, type MarkerPlace, type Operation } from './script-call.js';

const HOUR_MS = 3_600_000;
/**
 * Fence keys outlive the last touch by a day: a client with a token of yesterday is not there any more. Being seeded from
 * time, a counter that was lost all the same comes back higher.
 */
const FENCE_TTL_MS = 24 * HOUR_MS;
/** The tick ledger outlives any skew between the clocks of workers. */
const LEDGER_TTL_MS = 7 * 24 * HOUR_MS;

/** What the guard of the script has to know; see there. */
export interface Guard {
  readonly quarantineMs: number;
  readonly runId: string;
  readonly durable: boolean;
  readonly command: '' | 'look' | 'first use' | 'trust' | 'distrust' | 'members';
  /** An id for a node that has none; with the order `members`, these. */
  readonly given: string;
}

/** All nodes are asked the same, one right after the other: the work is done for the first. */
let last:
  { readonly keyPrefix: string; readonly request: NodeRequest; readonly operation: Operation } | undefined;

export function requestOperation(keyPrefix: string, request: NodeRequest): Operation {
  if (last?.request === request && last.keyPrefix === keyPrefix) return last.operation;
  const keys = keysFor(keyPrefix, request);
  const operation = { keys, ...wordsOf(request), from: namedBy(request), granted: undefined };
  last = { keyPrefix, request, operation };
  return operation;
}

/** What a request names above which its reply tells a counter. */
function namedBy(request: NodeRequest): number {
  switch (request.op) {
    case 'acquire':
      return request.seed ?? 0;
    case 'confirm':
      return request.token;
    case 'extend':
      return request.maxCounter ?? 0;
    default:
      return 0;
  }
}

export const inspectOperation = (keyPrefix: string, resource: string): Operation => ({
  keys: [keyPrefix + resource, fenceKeyOf(keyPrefix + resource)],
  terms: '"i",1',
  own: '',
  from: 0,
  granted: undefined,
});

/** The words of a JSON list: what several operations may have in common, and what each has of its own. */
type Words = Pick<Operation, 'terms' | 'own'>;

/** A holder id has a name of printable ASCII in it, which may have quotes. */
const quoted = (holderId: string): string =>
  holderId.includes('"') || holderId.includes('\\') ? JSON.stringify(holderId) : `"${holderId}"`;

function wordsOf(request: NodeRequest): Words {
  const count = request.resources.length;
  const holder = quoted(request.holderId);
  switch (request.op) {
    case 'acquire': {
      const { ttlMs, seed = false, tick = false, tokens, queueEntry } = request;
      const asked = `${count},${deadlineUs(request)},${ttlMs},${seed},${tick},${tokens}`;
      if (queueEntry === undefined) return { terms: `"a",${asked}`, own: holder };
      return {
        terms: `"q",${asked},"${queueEntry.waiter}",${Math.ceil(queueEntry.listLivesMs)}`,
        own: holder,
      };
    }
    case 'confirm': {
      const { token, tick = false } = request;
      return { terms: `"c",${count},${deadlineUs(request)},${tick}`, own: `${holder},${token}` };
    }
    case 'extend': {
      const { ttlMs, token = false, maxCounter = false } = request;
      // Mostly the same number, and sixteen digits are printed slowly.
      const bound = String(token);
      const own = `${holder},${bound},${maxCounter === token ? bound : maxCounter}`;
      return { terms: extensionTerms(count, deadlineUs(request), ttlMs), own };
    }
    case 'release': {
      const { keepMs, queueEntry } = request;
      const list =
        queueEntry === undefined ? 'false,0' : `"${queueEntry.waiter}",${Math.ceil(queueEntry.listLivesMs)}`;
      return { terms: `"r",${count},${Math.ceil(keepMs)},${list}`, own: holder };
    }
    case 'wake':
      return { terms: `"w",${count}`, own: '' };
  }
}

/** Those of the last extension: hundreds that fall due together have the same. */
let lastTerms = { count: 0, deadline: 0, ttlMs: 0, terms: '' };

function extensionTerms(count: number, deadline: number, ttlMs: number): string {
  const before = lastTerms;
  if (before.count !== count || before.deadline !== deadline || before.ttlMs !== ttlMs)
    lastTerms = { count, deadline, ttlMs, terms: `"e",${count},${deadline},${ttlMs}` };
  return lastTerms.terms;
}

/** By the millisecond, so that what is asked in a turn has it in common; never later than it is. */
const deadlineUs = ({ deadlineAt }: { readonly deadlineAt: number }): number =>
  Math.floor(deadlineAt) * 1_000;

/** Of each resource the lock key and another one; for the lists of an acquisition that is ready to wait see the script. */
function keysFor(keyPrefix: string, request: NodeRequest): readonly string[] {
  const { op, resources } = request;
  const second = op === 'release' || op === 'wake' ? waitListOf : fenceKeyOf;
  const [only] = resources;
  const isQueued = op === 'acquire' && request.queueEntry !== undefined;
  // As nearly always; an array that grows is given room for seventeen.
  if (resources.length === 1 && !isQueued) return [keyPrefix + only!, second(keyPrefix + only!)];
  const locks = resources.map((resource) => keyPrefix + resource);
  const pairs = locks.flatMap((lock) => [lock, second(lock)]);
  return isQueued ? [...pairs, ...locks.map(waitListOf)] : pairs;
}

/** What comes before the operations, as words of a JSON list; by how much the node's clock is ahead is the last of them. */
export function guardWords({ quarantineMs, runId, durable, command, given }: Guard): string {
  const list = [FENCE_TTL_MS, LEDGER_TTL_MS, quarantineMs, runId, durable, command.charAt(0), given];
  return JSON.stringify(list).slice(1, -1);
}

/** A call of the script. `aheadUs`: by how much the node's clock is ahead of the one that deadlines are of. */
export const scriptCall = (
  place: MarkerPlace,
  guard: string,
  aheadUs: number,
  asked: readonly Operation[],
): ScriptCall => new ScriptCall(place, `${guard},${aheadUs}`, asked);

const REFUSALS: readonly (RefusalReason | undefined)[] = [
  undefined,
  'held',
  'already_ran',
  'absent',
  'superseded',
];

/** What the guard found. */
export interface Finding {
  /** For how long the node's grants do not count; -1 without a marker. */
  readonly quarantineLeftMs: number;
  /** With an order only: the node's id and members, where it has them. */
  readonly id?: string;
  readonly members?: string;
}

/** The guard's part of the reply. */
export function findingOf(reply: unknown): Finding {
  if (!Array.isArray(reply)) return { quarantineLeftMs: Number(reply) };
  const [left, id, members] = reply as unknown[];
  return { quarantineLeftMs: Number(left), id: String(id), members: String(members) };
}

/** Who answered a run of operations with nothing to be said of each. */
const isRun = (reply: unknown): reply is readonly [7, number] => Array.isArray(reply) && reply[0] === 7;

/** The replies to operations, one for each; see `SCRIPT`. */
export function repliesIn(reply: readonly unknown[], first: number): readonly unknown[] {
  const replies: unknown[] = [];
  for (let at = first; at < reply.length; at++) {
    const one = reply[at];
    if (isRun(one)) for (let left = one[1]; left > 0; left--) replies.push(0);
    else replies.push(one);
  }
  return replies;
}

/** One operation's reply as a vote. */
export function voteOf(reply: unknown, operation: Operation): Vote {
  if (typeof reply === 'number') return grantOf(reply, operation);
  if (Array.isArray(reply)) {
    switch (Number(reply[0])) {
      case 1:
        return { ...grantOf(Number(reply[1]), operation), waiting: Number(reply[2]) };
      case 2: {
        const reason = REFUSALS[Number(reply[1])];
        const owner = String(reply[2]);
        if (reason === undefined) break;
        if (reason === 'superseded') return { kind: 'refused', reason, counter: Number(reply[4]) };
        return owner === ''
          ? { kind: 'refused', reason }
          : { kind: 'refused', reason, owner, remainingMs: Math.max(0, Number(reply[3])) };
      }
      case 3:
        return failed('late', new Error('the request reached the node after its deadline'));
      case 4:
        return failed('restored', new Error('the node had lost the key'));
      case 5:
        return failed('error', new Error(String(reply[1])));
    }
  }
  return failed('error', new Error('the node answered with something that is no vote'));
}

function grantOf(above: number, operation: Operation): Granted {
  const counter = operation.from + above;
  if (operation.granted?.counter !== counter) operation.granted = { kind: 'granted', counter };
  return operation.granted;
}

const numberOf = (value: unknown): number | undefined =>
  value === '' || value === null || value === undefined ? undefined : Number(value);

/** One resource's inspection. */
export function inspectionOf(reply: unknown, operation: Operation): NodeInspection | Failed {
  if (!Array.isArray(reply) || Number(reply[0]) !== 6) {
    const vote = voteOf(reply, operation);
    return vote.kind === 'failed'
      ? vote
      : failed('error', new Error('the node answered with something else'));
  }
  const owner = String(reply[1]);
  return {
    kind: 'inspected',
    owner: owner === '' ? undefined : owner,
    remainingMs: Math.max(0, Number(reply[2])),
    counter: numberOf(reply[3]),
    lastTick: numberOf(reply[4]),
  };
}
