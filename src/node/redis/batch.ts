import { failed, type Failed, type RefusalReason, type Vote } from '../../core/vote.js';
import type { NodeInspection, NodeRequest } from '../lock-node.js';
import { keysOf, markerKeyOf } from './keys.js';

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
  readonly order: '' | 'look' | 'first use' | 'trust' | 'distrust' | 'members';
  /** An id for a node that has none; with the order `members`, these. */
  readonly given: string;
  /** Of a shard of a Cluster: where its marker is. */
  readonly marker?: string | undefined;
}

/** A call of the script. */
export interface ScriptCall {
  readonly keys: string[];
  /** What comes before the operations. */
  readonly header: readonly (string | number)[];
  /** The operations. */
  readonly lines: string[];
}

/** What is asked, as the script takes it: the same for all nodes that have the same prefix. */
interface Encoded {
  readonly keyPrefix: string;
  readonly keys: readonly string[];
  readonly line: string;
}

/** All nodes are asked the same, so that most of the work is done for the first. */
const encodings = new WeakMap<NodeRequest, Encoded>();

function encodedOf(request: NodeRequest, keyPrefix: string): Encoded {
  const known = encodings.get(request);
  if (known?.keyPrefix === keyPrefix) return known;
  const encoded = { keyPrefix, keys: keysFor(keyPrefix, request), line: lineOf(request) };
  encodings.set(request, encoded);
  return encoded;
}

function lineOf(request: NodeRequest): string {
  const { resources, holderId } = request;
  const about = (verb: string, deadlineAt: number): string =>
    `${verb}${resources.length} ${Math.floor(deadlineAt * 1_000)} ${holderId}`;
  switch (request.op) {
    case 'acquire': {
      const { deadlineAt, ttlMs, seed = '', tick = '', tokens, waits } = request;
      const asked = `${ttlMs} ${seed} ${tick} ${tokens}`;
      if (waits === undefined) return `${about('a', deadlineAt)} ${asked}\n`;
      return `${about('q', deadlineAt)} ${asked} ${waits.waiter} ${Math.ceil(waits.listLivesMs)}\n`;
    }
    case 'confirm': {
      const { deadlineAt, token, tick = '' } = request;
      return `${about('c', deadlineAt)} ${token} ${tick}\n`;
    }
    case 'extend': {
      const { deadlineAt, ttlMs, token = '', ceiling = '' } = request;
      return `${about('e', deadlineAt)} ${ttlMs} ${token} ${ceiling}\n`;
    }
    case 'release': {
      const { keepMs, waits } = request;
      const list = waits === undefined ? ' ' : `${waits.waiter} ${Math.ceil(waits.listLivesMs)}`;
      return `r${resources.length}  ${holderId} ${Math.ceil(keepMs)} ${list}\n`;
    }
    case 'wake':
      return `w${resources.length}  ${holderId}\n`;
  }
}

/** Of each resource the lock key and another one; for the lists of an acquisition that is ready to wait see the script. */
function keysFor(keyPrefix: string, { op, resources, ...request }: NodeRequest): readonly string[] {
  const second = op === 'release' || op === 'wake' ? 2 : 1;
  const keys: string[] = [];
  const lists: string[] = [];
  for (const resource of resources) {
    const all = keysOf(keyPrefix, resource);
    keys.push(all[0], all[second]);
    if ('waits' in request && request.waits !== undefined) lists.push(all[2]);
  }
  return op === 'acquire' ? [...keys, ...lists] : keys;
}

/** A call without an operation. `aheadUs`: by how much the node's clock is ahead of the one that deadlines are of. */
export function guardCall(
  keyPrefix: string,
  { quarantineMs, runId, durable, order, given, marker }: Guard,
  aheadUs = 0,
): ScriptCall {
  const usual = markerKeyOf(keyPrefix);
  return {
    keys: marker === undefined ? [usual] : [],
    lines: [],
    header: [
      FENCE_TTL_MS,
      LEDGER_TTL_MS,
      quarantineMs,
      runId,
      durable ? 1 : 0,
      order.charAt(0),
      given,
      aheadUs,
      ...(marker === undefined ? [] : [marker, usual]),
    ],
  };
}

export function addRequest({ keys, lines }: ScriptCall, keyPrefix: string, request: NodeRequest): void {
  const encoded = encodedOf(request, keyPrefix);
  for (const key of encoded.keys) keys.push(key);
  lines.push(encoded.line);
}

export function addInspection({ keys, lines }: ScriptCall, keyPrefix: string, resource: string): void {
  keys.push(...keysOf(keyPrefix, resource).slice(0, 2));
  lines.push('i1  \n');
}

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

/** One operation's reply as a vote. */
export function voteOf(reply: unknown): Vote {
  if (typeof reply === 'number') return { kind: 'granted', counter: reply };
  if (Array.isArray(reply)) {
    switch (Number(reply[0])) {
      case 1:
        return { kind: 'granted', counter: Number(reply[1]), waiting: Number(reply[2]) };
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

const numberOf = (value: unknown): number | undefined =>
  value === '' || value === null || value === undefined ? undefined : Number(value);

/** One resource's inspection. */
export function inspectionOf(reply: unknown): NodeInspection | Failed {
  if (!Array.isArray(reply) || Number(reply[0]) !== 6) {
    const vote = voteOf(reply);
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
