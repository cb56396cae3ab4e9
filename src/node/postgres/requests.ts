import { impossibleCounter, isPossibleCounter } from '../../core/fencing.js';
import { failed, type Failed, type Vote } from '../../core/vote.js';
import { impossibleAttempt, isPossibleAttempt, type RunRecord } from '../../core/run.js';
import { failedWith } from '../../core/run-votes.js';
import type { NodeInspection } from '../lock-node.js';
import { PRESENT_ONLY, type NodeRequest } from '../node-request.js';
import { findingIn, type Finding } from '../server/finding.js';
import { leftUs } from './sql/key-life.js';

/** A request as the function `vote` reads it. Instants are microseconds by the server's clock. */
export function encodeRequest(request: NodeRequest, toServerUs: (callerMs: number) => number): object {
  const { op, resources, holderId: holder } = request;
  const base = { op, resources, holder };
  switch (request.op) {
    case 'acquire': {
      const { list, ttlMs, deadlineAt, seed, tick, retry, tokens, queueEntry, from } = request;
      const terms = {
        list,
        ttl: Math.ceil(ttlMs),
        deadline: toServerUs(deadlineAt),
        seed,
        tick,
        retry,
        tokens,
        taken_from: from,
      };
      return { ...base, ...terms, waiter: queueEntry?.waiter, lives: livesMs(queueEntry) };
    }
    case 'confirm': {
      const { list, deadlineAt, token, tick, attempt = 1 } = request;
      return { ...base, list, deadline: toServerUs(deadlineAt), token, tick, attempt };
    }
    case 'extend': {
      const { list, ttlMs, deadlineAt, token, maxCounter: most } = request;
      const restore = token === PRESENT_ONLY ? 'never' : 'may';
      return { ...base, list, ttl: Math.ceil(ttlMs), deadline: toServerUs(deadlineAt), token, most, restore };
    }
    case 'release': {
      const { keepMs, finish, open, note, queueEntry } = request;
      const mark = finish ?? open;
      const run = mark && { ...mark, run_state: finish === undefined ? 'open' : 'finished' };
      const kept = {
        note_rank: note?.rank,
        note_text: note?.text,
        note_most: note?.most,
        note_success: note?.succeededAt,
      };
      const wait = { waiter: queueEntry?.waiter, lives: livesMs(queueEntry) };
      return { ...base, keep: Math.ceil(keepMs), ...run, ...kept, ...wait };
    }
    case 'wake':
      return base;
  }
}

const livesMs = (entry: { readonly listLivesMs: number } | undefined): number | undefined =>
  entry && Math.ceil(entry.listLivesMs);

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
  if (typeof seen !== 'string') return undefined;
  const nodeMs = finding.nodeUs / 1_000 + SLACK_MS;
  const votes = answers.map((answer: unknown, at) => voteIn(answer, requests[at]!, nodeMs));
  return { finding, votes, seen };
}

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
  readonly message?: string;
  readonly counter?: number;
  readonly attempt?: number;
}

function voteIn(answer: unknown, { resources }: NodeRequest, nodeMs: number): Vote {
  if (typeof answer !== 'object' || answer === null || !('kind' in answer)) return NO_ANSWER;
  const { kind, message, counter = 0, attempt = 0 } = answer as Answer;
  switch (kind) {
    case 'late':
      return LATE;
    case 'mismatch':
      return MISMATCH;
    case 'restored':
      return RESTORED;
    case 'error':
      return failedWith(message);
    case 'granted':
    case 'refused':
      if (!isPossibleCounter(counter, nodeMs))
        return failed('error', new Error(impossibleCounter(`of ${resources.join(', ')}`)));
      if (!isPossibleAttempt(attempt))
        return failed('error', new Error(impossibleAttempt(resources.join(', '))));
      return answer as Vote;
    default:
      return NO_ANSWER;
  }
}

/** The row of a resource, as `inspectQuery` tells it. */
interface Row {
  readonly resource: string;
  readonly holder: string | null;
  readonly remaining: number | null;
  readonly counter: number | null;
  readonly tick: number | null;
  readonly attempt: number;
  readonly state: RunRecord['state'];
  readonly last_success: number | null;
}

export const inspectQuery = (q: string): string => `
select coalesce(jsonb_agg(jsonb_build_object('resource', resource,
  'holder', case when ${leftUs('now_us')} > 0 then holder end, 'remaining', ${leftUs('now_us')} / 1000,
  'counter', counter, 'tick', tick, 'attempt', attempt, 'state', state,
  'last_success', last_success)), '[]')::text as answer
from ${q}.lease, (select ${q}.now_v1() as now_us) clock
where prefix = $1 and resource = any ($2::text[])`;

export function inspectionsIn(
  text: unknown,
  resources: readonly string[],
): readonly (NodeInspection | Failed)[] {
  const rows = new Map((listIn(text) as readonly Row[]).map((row) => [row.resource, row]));
  return resources.map((resource) => inspectionOf(rows.get(resource)));
}

function inspectionOf(row: Row | undefined): NodeInspection {
  const { holder = null, remaining, counter, tick = null, attempt = 0, state = 'started' } = row ?? {};
  const lastSuccess = row?.last_success ?? undefined;
  return {
    kind: 'inspected',
    owner: holder ?? undefined,
    remainingMs: holder === null ? 0 : Math.max(0, remaining ?? 0),
    counter: counter ?? undefined,
    run: tick === null ? undefined : { tick, attempt, state },
    ...(lastSuccess === undefined ? {} : { lastSuccess }),
  };
}

/** The notes of a resource, in their order. */
export const historyQuery = (q: string): string => `
select coalesce(jsonb_agg(note order by rank, place), '[]')::text as answer
from ${q}.note where prefix = $1 and resource = $2`;

export const notesIn = (text: unknown): readonly string[] =>
  listIn(text).filter((note): note is string => typeof note === 'string');
