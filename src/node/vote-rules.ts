import { impossibleCounter, isPossibleCounter, SEED_MARGIN_MS } from '../core/fencing.js';
import {
  finishAnswer,
  isTakenBack,
  latestSuccessMs,
  refusesRun,
  TICK_AHEAD_MS,
  TICK_TOO_FAR_AHEAD,
  type RunMark,
  type RunRecord,
} from '../core/run.js';
import { withNote, type RunNote } from '../core/run-history.js';
import { failed, type Failed, type Refused, type Vote } from '../core/vote.js';
import type { NodeInspection } from './lock-node.js';
import {
  PRESENT_ONLY,
  type AcquireRequest,
  type ConfirmRequest,
  type ExtendRequest,
  type NodeRequest,
  type ReleaseRequest,
} from './node-request.js';

/** What a node keeps of one resource. Instants are milliseconds on the node's own clock. */
export interface ResourceRecord {
  /** The holder id of the key; `undefined` where there is no key. */
  readonly owner: string | undefined;
  /** When the key expires. An expired key counts as none. */
  readonly expiresAt: number;
  readonly counter: number | undefined;
  readonly run: RunRecord | undefined;
  /** What is kept of past runs, in their order. */
  readonly notes?: readonly RunNote[];
  /** When a run last succeeded, in ms since 1970. */
  readonly lastSuccess?: number | undefined;
}

/** The records of a node, as they are inside one transaction. */
export interface ResourceStore {
  get(resource: string): ResourceRecord | undefined;
  set(resource: string, record: ResourceRecord): void;
}

/** The clocks of a node, as they are inside one transaction, in milliseconds. */
export interface NodeClocks {
  /** The clock of `expiresAt`. */
  readonly now: number;
  /** The clock of deadlines, which is the caller's monotonic clock. */
  readonly callerNow: number;
  /** The time since 1970, to which counters are held. */
  readonly wallMs: number;
}

/**
 * The right vote on a request, for a node that can read its records, decide, and write them in one
 * transaction. Wait lists and announcements are the node's own business.
 */
export function voteOn(request: NodeRequest, store: ResourceStore, clocks: NodeClocks): Vote {
  const { callerNow } = clocks;
  if ('deadlineAt' in request && callerNow > request.deadlineAt)
    return failed('late', new Error('the request reached the node after its deadline'));
  switch (request.op) {
    case 'acquire':
      return acquire(request, store, clocks);
    case 'confirm':
      return confirm(request, store, clocks);
    case 'extend':
      return extend(request, store, clocks);
    case 'release':
      return release(request, store, clocks);
    case 'wake':
      return { kind: 'granted', counter: 0 };
  }
}

/** What `LockNode.inspect` tells of a record. */
export function inspectRecord(record: ResourceRecord | undefined, now: number): NodeInspection {
  const { owner, expiresAt, counter, run, lastSuccess } = live(record, now);
  const remainingMs = owner === undefined ? 0 : expiresAt - now;
  const found = { kind: 'inspected', owner, remainingMs, counter, run } as const;
  return lastSuccess === undefined ? found : { ...found, lastSuccess };
}

/** What `LockNode.history` tells of a record. */
export const historyIn = (record: ResourceRecord | undefined): readonly string[] =>
  (record?.notes ?? []).map(({ text }) => text);

const NOTHING: ResourceRecord = {
  owner: undefined,
  expiresAt: 0,
  counter: undefined,
  run: undefined,
};

/** The record without a key that has expired. */
function live(record: ResourceRecord | undefined, now: number): ResourceRecord {
  if (record === undefined) return NOTHING;
  return record.owner === undefined || record.expiresAt > now ? record : { ...record, owner: undefined };
}

const ABSENT: Refused = { kind: 'refused', reason: 'absent' };
const alreadyRan = (run: RunRecord): Refused => ({ kind: 'refused', reason: 'already_ran', run });
const superseded = (counter: number): Refused => ({ kind: 'refused', reason: 'superseded', counter });
const held = (owner: string, remainingMs: number): Refused => ({
  kind: 'refused',
  reason: 'held',
  owner,
  remainingMs,
});

/** The vote where a counter, or a token that would become one, is further ahead than time allows. */
const impossible = (what: string): Failed => failed('error', new Error(impossibleCounter(what)));

function acquire(request: AcquireRequest, store: ResourceStore, { now, wallMs }: NodeClocks): Vote {
  const { resources, holderId, ttlMs, tick, retry = false, tokens, from } = request;
  const seed = request.seed && Math.min(request.seed, (wallMs + SEED_MARGIN_MS) * 1_000);
  let mine = 0;
  let highest = 0;
  let attempt = 0;
  let giverLeftMs = 0;
  for (const resource of resources) {
    const { owner, expiresAt, counter, run } = live(store.get(resource), now);
    if (owner !== undefined && owner !== holderId && owner !== from) return held(owner, expiresAt - now);
    if (owner === undefined && from !== undefined) return ABSENT;
    // Taken by this very holder before: its own key lives no shorter than the giver's would have.
    if (owner !== undefined && from !== undefined) giverLeftMs = Math.max(giverLeftMs, expiresAt - now);
    if (tick !== undefined) {
      if (run !== undefined && refusesRun(run, tick, retry)) return alreadyRan(run);
      if (tick > wallMs + TICK_AHEAD_MS) return failed('error', new Error(TICK_TOO_FAR_AHEAD));
      if (run?.tick === tick) attempt = Math.max(attempt, run.attempt);
    }
    if (owner === holderId) mine++;
    if (seed !== undefined && counter !== undefined && !isPossibleCounter(counter, wallMs))
      return impossible(`of ${resource}`);
    if (seed !== undefined) highest = Math.max(highest, counter ?? seed);
  }
  const told = {
    ...(attempt === 0 ? {} : { attempt }),
    ...(from === undefined ? {} : { giverLeftMs }),
  };
  // The same request a second time is one grant.
  if (mine === resources.length) return { kind: 'granted', counter: highest, ...told };
  const counter = seed === undefined ? 0 : highest + tokens;
  for (const resource of resources) {
    const record = store.get(resource) ?? NOTHING;
    // Never shortened: the giver may hold it for as long as its key would have lived.
    const expiresAt = Math.max(now + ttlMs, from === undefined ? 0 : record.expiresAt);
    const own = { ...record, owner: holderId, expiresAt };
    store.set(resource, seed === undefined ? own : { ...own, counter });
  }
  return { kind: 'granted', counter, ...told };
}

function confirm(request: ConfirmRequest, store: ResourceStore, { now, wallMs }: NodeClocks): Vote {
  const { resources, holderId, token, tick, attempt = 1 } = request;
  if (!isPossibleCounter(token, wallMs)) return impossible(`that is wanted of ${resources.join(', ')}`);
  for (const resource of resources) {
    const { owner, expiresAt, counter = 0, run } = live(store.get(resource), now);
    if (owner === undefined) return ABSENT;
    if (owner !== holderId) return held(owner, expiresAt - now);
    if (!isPossibleCounter(counter, wallMs)) return impossible(`of ${resource}`);
    if (counter > token) return superseded(counter);
    if (tick !== undefined && run !== undefined && refusesRun(run, tick, true)) return alreadyRan(run);
  }
  for (const resource of resources) {
    const record = store.get(resource) ?? NOTHING;
    const { run } = record;
    const known = run !== undefined && run.tick === tick ? run.attempt : 0;
    const started = { attempt: Math.max(attempt, known), state: 'started' as const };
    store.set(resource, { ...record, counter: token, run: tick === undefined ? run : { tick, ...started } });
  }
  return { kind: 'granted', counter: token };
}

function extend(request: ExtendRequest, store: ResourceStore, { now, wallMs }: NodeClocks): Vote {
  const { resources, holderId, ttlMs, token, maxCounter } = request;
  if (maxCounter !== undefined && !isPossibleCounter(maxCounter, wallMs))
    return impossible(`that is wanted of ${resources.join(', ')}`);
  let isRestored = false;
  for (const resource of resources) {
    const { owner, expiresAt, counter } = live(store.get(resource), now);
    if (owner !== undefined && owner !== holderId) return held(owner, expiresAt - now);
    if (owner === undefined && token === PRESENT_ONLY) return ABSENT;
    if (maxCounter !== undefined && counter !== undefined && !isPossibleCounter(counter, wallMs))
      return impossible(`of ${resource}`);
    if (token !== undefined && counter !== undefined) {
      if (owner !== undefined && maxCounter !== undefined && counter > maxCounter) return superseded(counter);
      if (owner === undefined && counter > token) return ABSENT;
    }
    if (owner === undefined && counter === undefined) isRestored = true;
  }
  for (const resource of resources) {
    const record = live(store.get(resource), now);
    // Never shortened.
    const expiresAt = Math.max(now + ttlMs, record.owner === undefined ? 0 : record.expiresAt);
    const counter = maxCounter === undefined ? record.counter : Math.max(maxCounter, record.counter ?? 0);
    store.set(resource, { ...record, owner: holderId, expiresAt, counter });
  }
  return isRestored
    ? failed('restored', new Error('the node had lost the key'))
    : { kind: 'granted', counter: maxCounter ?? 0 };
}

function release(request: ReleaseRequest, store: ResourceStore, { now, wallMs }: NodeClocks): Vote {
  const { resources, holderId, keepMs, finish, open, note } = request;
  let found = 0;
  let isRecorded = true;
  for (const resource of resources) {
    if (finish !== undefined && !recordFinish(resource, finish, store)) isRecorded = false;
    if (note !== undefined) keepNote(resource, note, store, latestSuccessMs(wallMs));
    const record = live(store.get(resource), now);
    if (record.owner !== holderId) continue;
    found++;
    const { run } = record;
    const isOpen = open !== undefined && isTakenBack(run, open);
    const kept = isOpen ? { ...record, run: { ...open, state: 'open' as const } } : record;
    store.set(resource, keepMs > 0 ? { ...kept, expiresAt: now + keepMs } : { ...kept, owner: undefined });
  }
  const recorded = finish === undefined ? {} : { recorded: isRecorded };
  return found === 0 ? { ...ABSENT, ...recorded } : { kind: 'granted', counter: 0, ...recorded };
}

/** Records that the tick is finished. Returns whether the node has it on record. */
function recordFinish(resource: string, mark: RunMark, store: ResourceStore): boolean {
  const record = store.get(resource);
  // Without a counter the node has forgotten the resource, or has never had it, and must not seem to know it.
  if (record?.counter === undefined) return false;
  const answer = finishAnswer(record.run, mark);
  if (answer === 'write') store.set(resource, { ...record, run: { ...mark, state: 'finished' } });
  return answer !== 'refuse';
}

/** `latestMs`: a later success is from a clock that is ahead, and would hide that the job fails later. */
function keepNote(resource: string, note: RunNote, store: ResourceStore, latestMs: number): void {
  const record = store.get(resource) ?? NOTHING;
  const { notes = [], lastSuccess: known = 0 } = record;
  const { succeededAt } = note;
  const lastSuccess =
    succeededAt === undefined
      ? record.lastSuccess
      : Math.max(known <= latestMs ? known : 0, Math.min(succeededAt, latestMs));
  store.set(resource, {
    ...record,
    notes: withNote(notes, note),
    ...(lastSuccess === undefined ? {} : { lastSuccess }),
  });
}
