import { describe, expect, it } from '@jest/globals';
import { COUNTER_AHEAD_MS } from '../../src/core/fencing.js';
import { voteOn, type NodeRequest, type ResourceRecord } from '../../src/node/index.js';

const WALL_MS = 1_790_000_000_000;
const CLOCKS = { now: 0, callerNow: 0, wallMs: WALL_MS };
const RESOURCES = ['invoice:7'];
const SEED = WALL_MS * 1_000;
const LATER = { resources: RESOURCES, holderId: 'anna', deadlineAt: 1 };

const requests: readonly NodeRequest[] = [
  { ...LATER, op: 'acquire', ttlMs: 1_000, seed: SEED, tick: undefined, tokens: 1 },
  { ...LATER, op: 'confirm', token: SEED, tick: undefined },
  { ...LATER, op: 'extend', ttlMs: 1_000, token: SEED, maxCounter: SEED },
];

/** Votes on a record with this counter. Acquire finds it free, the others find their own key. */
function vote(request: NodeRequest, counter: number) {
  const owner = request.op === 'acquire' ? undefined : 'anna';
  const record: ResourceRecord = { owner, expiresAt: 1_000, counter, run: undefined };
  const written: ResourceRecord[] = [];
  const store = { get: () => record, set: (_: string, one: ResourceRecord) => void written.push(one) };
  return { vote: voteOn(request, store, CLOCKS), written };
}

describe.each(requests.map((request) => [request.op, request] as const))('%s', (_, request) => {
  it.each([
    ['just too far ahead', (WALL_MS + COUNTER_AHEAD_MS) * 1_000 + 1],
    ['at the last number', Number.MAX_SAFE_INTEGER],
  ])('fails on a counter %s, names the resource and writes nothing', (_name, counter) => {
    const { vote: failure, written } = vote(request, counter);
    expect(failure).toMatchObject({ kind: 'failed', reason: 'error' });
    expect(String((failure as { cause: Error }).cause.message)).toContain('of invoice:7');
    expect(written).toEqual([]);
  });

  it('goes on from the highest counter that counting can have led to', () => {
    const highest = (WALL_MS + COUNTER_AHEAD_MS) * 1_000;
    const raised = request.op === 'acquire' ? request : { ...request, token: highest, maxCounter: highest };
    expect(vote(raised, highest).vote.kind).toBe('granted');
  });
});
