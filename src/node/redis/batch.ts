import { failed, type Failed, type RefusalReason, type Vote } from '../../core/vote.js';
import type {
  AcquireRequest,
  ConfirmRequest,
  ExtendRequest,
  NodeInspection,
  ReleaseRequest,
} from '../lock-node.js';
import { keysOf, markerKeyOf } from './keys.js';

const HOUR_MS = 3_600_000;
/**
 * Fence keys outlive the last touch by a day: a client with a token of yesterday is not there any more. Being seeded from
 * time, a counter that was lost all the same comes back higher.
 */
const FENCE_TTL_MS = 24 * HOUR_MS;
/** The tick ledger outlives any skew between the clocks of workers. */
const LEDGER_TTL_MS = 7 * 24 * HOUR_MS;

/** A deadline of the client's, in the node's time; µs. */
export type ToNodeUs = (deadlineAt: number) => number;

/** What the guard of the script has to know; see there. */
export interface Guard {
  readonly quarantineMs: number;
  readonly runId: string;
  readonly durable: boolean;
  readonly order: '' | 'look' | 'first use' | 'trust' | 'distrust' | 'members';
  /** An id for a node that has none; with the order `members`, these. */
  readonly given: string;
}

/** Operations gathered for one call of the script: its keys and arguments. */
export class Batch {
  readonly keys: string[];
  readonly args: (string | number)[];

  constructor(
    private readonly keyPrefix: string,
    { quarantineMs, runId, durable, order, given }: Guard,
    private readonly toNodeUs: ToNodeUs,
  ) {
    this.keys = [markerKeyOf(keyPrefix)];
    this.args = [FENCE_TTL_MS, LEDGER_TTL_MS, quarantineMs, runId, durable ? 1 : 0, order.charAt(0), given];
  }

  acquire({ resources, holderId, ttlMs, deadlineAt, seed, tick }: AcquireRequest): void {
    this.#open('a', resources, holderId, this.toNodeUs(deadlineAt));
    this.args.push(ttlMs, seed ?? '', tick ?? '');
  }

  confirm({ resources, holderId, deadlineAt, token, tick }: ConfirmRequest): void {
    this.#open('c', resources, holderId, this.toNodeUs(deadlineAt));
    this.args.push(token, tick ?? '');
  }

  extend({ resources, holderId, ttlMs, deadlineAt, token, ceiling }: ExtendRequest): void {
    this.#open('e', resources, holderId, this.toNodeUs(deadlineAt));
    this.args.push(ttlMs, token ?? '', ceiling ?? '');
  }

  release({ resources, holderId, keepMs }: ReleaseRequest): void {
    this.#open('r', resources, holderId, 0);
    this.args.push(Math.ceil(keepMs));
  }

  inspect(resource: string): void {
    this.#open('i', [resource], '', 0);
  }

  #open(verb: string, resources: readonly string[], holderId: string, deadlineUs: number): void {
    for (const resource of resources) this.keys.push(...keysOf(this.keyPrefix, resource));
    this.args.push(verb, resources.length, holderId, deadlineUs);
  }
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
  if (Array.isArray(reply)) {
    switch (Number(reply[0])) {
      case 1:
        return { kind: 'granted', counter: Number(reply[1]) };
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
