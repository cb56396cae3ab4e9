import { impossibleCounter, isPossibleCounter } from '../../core/fencing.js';
import { MOST_NOTES } from '../../core/run-history.js';
import { impossibleAttempt, isPossibleAttempt, type RunRecord } from '../../core/run.js';
import { failedWith } from '../../core/run-votes.js';
import { failed, type Failed, type Granted, type Vote } from '../../core/vote.js';
import type { NodeInspection } from '../lock-node.js';
import type { NodeRequest } from '../node-request.js';
import { findingIn, isNatural, runOf, type Finding } from '../server/finding.js';
import { leftUs } from './sql/key-life.js';
import { SUCCESS } from './sql/note.js';

/** What the function `vote` answered. */
export interface VoteReply {
  readonly finding: Finding;
  readonly votes: readonly Vote[];
  /** What the client has seen of the node now. */
  readonly seen: string;
}

const LATE = failed('late', new Error('the request reached the node after its deadline'));
const MISMATCH = failed('mismatch', new Error('the node does not vote under this list of nodes'));
const RESTORED = failed('restored', new Error('the node had lost the key'));
const NO_ANSWER = failed('error', new Error('the database answered with something that is no answer'));

/** What a node reserves at once is less than this, in milliseconds. */
const SLACK_MS = 1;

/** Reads that answer; `undefined` where it is none. */
export function voteReplyIn(text: unknown, requests: readonly NodeRequest[]): VoteReply | undefined {
  const [nodeUs, left, answers, seen] = listIn(text);
  const finding = findingIn([nodeUs, left]);
  if (finding === undefined || !Array.isArray(answers) || answers.length !== requests.length)
    return undefined;
  if (!isSeen(seen)) return undefined;
  const nodeMs = finding.nodeUs / 1_000 + SLACK_MS;
  const votes = answers.map((answer: unknown, at) => voteIn(answer, requests[at]!, nodeMs));
  return { finding, votes, seen };
}

/**
 * Whether this is what a client can have seen of a node: a number, and a name. The node gets it back with
 * every statement, and would fail at any other text.
 */
export const isSeen = (text: unknown): text is string => typeof text === 'string' && /^\d{1,18}@/.test(text);

/** A list in JSON; empty where the text is none. */
function listIn(text: unknown): readonly unknown[] {
  const read = jsonIn(text);
  return Array.isArray(read) ? read : [];
}

export function jsonIn(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

interface Answer {
  readonly kind: string;
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly counter?: unknown;
  readonly waiting?: unknown;
  readonly attempt?: unknown;
  readonly recorded?: unknown;
  readonly giverLeftMs?: unknown;
  readonly owner?: unknown;
  readonly remainingMs?: unknown;
  readonly run?: unknown;
}

function voteIn(answer: unknown, request: NodeRequest, nodeMs: number): Vote {
  if (!isObject(answer) || !('kind' in answer)) return NO_ANSWER;
  const told = answer as Answer;
  switch (told.kind) {
    case 'late':
      return LATE;
    case 'mismatch':
      return MISMATCH;
    case 'restored':
      return RESTORED;
    case 'error':
      return failedWith(told.message);
    case 'granted':
      return grantIn(told, request, nodeMs);
    case 'refused':
      return refusalIn(told, request, nodeMs);
    default:
      return NO_ANSWER;
  }
}

function grantIn(told: Answer, { resources }: NodeRequest, nodeMs: number): Vote {
  const { counter, waiting = 0, attempt = 0, giverLeftMs = 0, recorded = true } = told;
  if (!isNatural(counter) || !isPossibleCounter(counter, nodeMs)) return impossible(resources);
  if (!isPossibleAttempt(attempt)) return failed('error', new Error(impossibleAttempt(resources.join(', '))));
  if (!isNatural(waiting) || !isNatural(giverLeftMs) || typeof recorded !== 'boolean') return NO_ANSWER;
  return told as Granted;
}

function refusalIn(told: Answer, { resources }: NodeRequest, nodeMs: number): Vote {
  const { reason, counter, owner, remainingMs, recorded } = told;
  switch (reason) {
    case 'held':
      if (typeof owner !== 'string' || !isLifetime(remainingMs)) return NO_ANSWER;
      return { kind: 'refused', reason, owner, remainingMs: bounded(remainingMs) };
    case 'already_ran': {
      const { tick, attempt, state } = (told.run ?? {}) as Partial<Record<keyof RunRecord, unknown>>;
      const run = runOf(tick, attempt, state);
      return run === undefined ? NO_ANSWER : { kind: 'refused', reason, run };
    }
    case 'absent':
      if (recorded !== undefined && typeof recorded !== 'boolean') return NO_ANSWER;
      return { kind: 'refused', reason, ...(recorded === undefined ? {} : { recorded }) };
    case 'superseded':
      if (!isNatural(counter) || !isPossibleCounter(counter, nodeMs)) return impossible(resources);
      return { kind: 'refused', reason, counter };
    default:
      return NO_ANSWER;
  }
}

const impossible = (resources: readonly string[]): Failed =>
  failed('error', new Error(impossibleCounter(`of ${resources.join(', ')}`)));

const isLifetime = (value: unknown): value is number => typeof value === 'number' && value >= 0;

/** Somebody may have written a key that outlives every number. */
const bounded = (lifetimeMs: number): number => Math.min(lifetimeMs, Number.MAX_SAFE_INTEGER);

/** The row of a resource, as `inspectQuery` tells it. */
interface Row {
  readonly resource: string;
  readonly holder: unknown;
  readonly remaining: unknown;
  readonly counter: unknown;
  readonly tick: unknown;
  readonly attempt: unknown;
  readonly state: unknown;
  readonly last_success: unknown;
}

export const inspectQuery = (q: string): string => `
select coalesce(jsonb_agg(jsonb_build_object('resource', resource,
  'holder', case when ${leftUs('now_us')} > 0 then holder end,
  'remaining', greatest(0, ${leftUs('now_us')}) / 1000,
  'counter', counter, 'tick', tick, 'attempt', attempt, 'state', state,
  'last_success', ${SUCCESS})), '[]')::text as answer
from ${q}.lease, (select ${q}.now_v1() as now_us) clock
where prefix = $1 and resource = any ($2::text[])`;

export function inspectionsIn(
  text: unknown,
  resources: readonly string[],
): readonly (NodeInspection | Failed)[] {
  const read = jsonIn(text);
  // An answer that is none must not pass for resources that are free.
  if (!Array.isArray(read)) return resources.map(() => NO_ANSWER);
  const rows = new Map(read.filter(isObject).map((row: Partial<Row>) => [row.resource, row]));
  return resources.map((resource) => {
    const row = rows.get(resource);
    return row === undefined ? NOTHING : inspectionOf(row);
  });
}

/** What a node tells of a resource that it knows nothing of. */
const NOTHING: NodeInspection = {
  kind: 'inspected',
  owner: undefined,
  remainingMs: 0,
  counter: undefined,
  run: undefined,
};

/** A row that somebody has written by hand is no answer, whatever of it is wrong. */
function inspectionOf(row: Partial<Row>): NodeInspection | Failed {
  const { holder, remaining, counter, tick, attempt, state, last_success: lastSuccess } = row;
  const run = runOf(tick, attempt, state);
  if ((holder !== null && typeof holder !== 'string') || !isLifetime(remaining)) return NO_ANSWER;
  if (!isNullOrNatural(counter) || !isNullOrNatural(lastSuccess)) return NO_ANSWER;
  if (tick !== null && run === undefined) return NO_ANSWER;
  return {
    kind: 'inspected',
    owner: holder ?? undefined,
    remainingMs: holder === null ? 0 : bounded(remaining),
    counter: counter ?? undefined,
    run,
    ...(lastSuccess === null ? {} : { lastSuccess }),
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isNullOrNatural = (value: unknown): value is number | null => value === null || isNatural(value);

/** The latest notes of a resource, in their order. */
export const historyQuery = (q: string): string => `
select coalesce(jsonb_agg(note order by rank, place), '[]')::text as answer
from (select note, rank, place from ${q}.note where prefix = $1 and resource = $2
  order by rank desc, place desc limit ${MOST_NOTES}) latest`;

export const notesIn = (text: unknown): readonly string[] =>
  listIn(text).filter((note): note is string => typeof note === 'string');
