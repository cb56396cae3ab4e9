import { describe, expect, it } from '@jest/globals';
import { TICK_AHEAD_MS } from '../../../src/core/run.js';
import { check, type CheckTerms, type Findings } from './checker.js';
import type { RunRecord, WorkerRecord } from './records.js';
import { FORGOT_UNSEEN } from './schedule.js';

const TERMS: CheckTerms = {
  nodes: 3,
  endedAt: 100_000,
  acquireGraceMs: 2_000,
  hungAfterMs: 10_000,
  leakGraceMs: 1_000,
  recoveryMs: 3_000,
  tickMs: 1_000,
};

const by = (worker: string, ...records: WorkerRecord[]): RunRecord[] =>
  records.map((record) => ({ ...record, worker }));

interface LeaseRecords {
  readonly lease?: string;
  readonly from: number;
  readonly to: number;
  readonly token?: number;
  readonly endedBy?: 'release' | 'lost';
  readonly ttlMs?: number;
}

/** The records of a lease, from its request one millisecond before `from` to its end. */
function lease(
  worker: string,
  { lease: id = worker, from, to, token, endedBy = 'release', ttlMs = 60_000 }: LeaseRecords,
) {
  const end: WorkerRecord[] =
    endedBy === 'release'
      ? [
          { type: 'release', at: to, lease: id },
          { type: 'released', at: to + 1, lease: id },
        ]
      : [{ type: 'lost', at: to, lease: id, reason: 'unreachable' }];
  return by(
    worker,
    { type: 'acquire', at: from - 1, lease: id, resource: 'r', waitMs: 0, ttlMs },
    { type: 'acquired', at: from, lease: id, ...(token === undefined ? {} : { token }) },
    ...end,
  );
}

const stall = (worker: string, from: number, to: number): RunRecord[] =>
  by(worker, { type: 'stall', at: to, from });

const stored = (id: string, at: number, accepted = true): RunRecord => ({
  type: 'stored',
  at,
  worker: id,
  lease: id,
  resource: 'r',
  accepted,
});

const run = (...records: (RunRecord | RunRecord[])[]) =>
  check(
    records.flat().sort((a, b) => a.at - b.at),
    TERMS,
  );

/** The number of findings of each kind, without the kinds that were not found. */
function found(...records: (RunRecord | RunRecord[])[]): Partial<Record<keyof Findings, number>> {
  const { findings } = run(...records);
  return Object.fromEntries(
    Object.entries(findings).flatMap(([kind, list]: [string, readonly unknown[]]) =>
      list.length > 0 ? [[kind, list.length]] : [],
    ),
  );
}

describe('holders of one resource', () => {
  it('the checker accepts holders that follow each other', () => {
    expect(
      found(lease('a', { from: 10, to: 20, token: 1 }), lease('b', { from: 21, to: 30, token: 2 })),
    ).toEqual({});
  });

  it('two holders at the same time are an overlap, measured in milliseconds', () => {
    const { findings } = run(
      lease('a', { from: 10, to: 20, token: 1 }),
      lease('b', { from: 15, to: 30, token: 2 }),
    );
    expect(findings.overlaps).toMatchObject([{ ms: 5 }]);
  });

  it('overlaps are found though other holders came and went in between', () => {
    const long = lease('a', { from: 10, to: 100 });
    expect(found(long, lease('b', { from: 20, to: 30 }), lease('c', { from: 40, to: 50 }))).toEqual({
      overlaps: 2,
    });
  });

  it('two holders do not overlap while one of their processes does not run', () => {
    const paused = [...lease('a', { from: 10, to: 55, endedBy: 'lost' }), ...stall('a', 15, 56)];
    expect(found(paused, lease('b', { from: 20, to: 90 }))).toEqual({});
  });

  it('two holders overlap when one of them runs on after a pause', () => {
    const paused = [...lease('a', { from: 10, to: 60, endedBy: 'lost' }), ...stall('a', 15, 55)];
    expect(run(paused, lease('b', { from: 20, to: 90 })).findings.overlaps).toMatchObject([{ ms: 5 }]);
  });

  it('a holder that was never told of its loss overlaps with the next one', () => {
    const silent = lease('a', { from: 10, to: 20 }).filter(
      ({ type }) => type === 'acquire' || type === 'acquired',
    );
    expect(found(silent, lease('b', { from: 30, to: 40 })).overlaps).toBe(1);
  });

  it('a holder whose process was killed does not overlap with the next one', () => {
    const dead = lease('a', { from: 10, to: 20 }).filter(
      ({ type }) => type === 'acquire' || type === 'acquired',
    );
    expect(found(dead, { type: 'killed', at: 25, worker: 'a' }, lease('b', { from: 30, to: 40 }))).toEqual(
      {},
    );
  });

  it('a token that does not grow is a regression', () => {
    const first = lease('a', { from: 10, to: 20, token: 7 });
    expect(found(first, lease('b', { from: 30, to: 40, token: 7 }))).toEqual({ tokenRegressions: 1 });
  });
});

describe('the store', () => {
  const first = lease('a', { from: 10, to: 100, endedBy: 'lost', token: 1 });
  const holders = [first, stall('a', 15, 101), lease('b', { from: 20, to: 90, token: 2 })];

  it("a write of an earlier holder that the store accepts after a later holder's is stale", () => {
    expect(found(...holders, stored('b', 30), stored('a', 99))).toEqual({ staleWrites: 1 });
  });

  it('a refused stale write is no finding, and neither are writes in the order of the holders', () => {
    expect(found(...holders, stored('a', 12), stored('b', 30), stored('a', 99, false))).toEqual({});
    expect(run(...holders, stored('b', 30), stored('a', 99, false))).toMatchObject({
      writes: 2,
      refusedWrites: 1,
    });
  });
});

describe('the loss of a lease', () => {
  it('a loss that is told before the TTL of the last extension has passed is in time', () => {
    const reported = lease('a', { from: 1_000, to: 2_900, endedBy: 'lost', ttlMs: 1_000 });
    expect(found(reported, by('a', { type: 'extended', at: 1_950, lease: 'a' }))).toEqual({});
  });

  it('a loss that is told after the TTL has passed is late by the difference', () => {
    const reported = lease('a', { from: 1_000, to: 2_900, endedBy: 'lost', ttlMs: 1_000 });
    const extended = by('a', { type: 'extended', at: 1_800, lease: 'a' });
    expect(run(reported, extended).findings.lateLosses).toMatchObject([{ ms: 100 }]);
  });

  it('a lease that was extended only after its TTL had passed has a late loss', () => {
    const reported = lease('a', { from: 1_000, to: 2_500, ttlMs: 1_000 });
    const extended = by('a', { type: 'extended', at: 2_100, lease: 'a' });
    expect(run(reported, extended).findings.lateLosses).toMatchObject([{ ms: 100 }]);
  });

  it('a loss that a stopped process learns of when it runs again is in time', () => {
    const reported = lease('a', { from: 1_000, to: 9_000, endedBy: 'lost', ttlMs: 1_000 });
    expect(found(reported, stall('a', 1_500, 9_001))).toEqual({});
  });
});

describe('a call', () => {
  const asked = (waitMs: number) =>
    by('a', { type: 'acquire', at: 10, lease: 'a', resource: 'r', waitMs, ttlMs: 1_000 });

  it('an acquire that ends after its wait and its last attempt is late', () => {
    const refused = by('a', { type: 'refused', at: 3_500, lease: 'a', reason: 'held' });
    expect(found(asked(0), refused)).toEqual({ lateAcquires: 1 });
    expect(found(asked(2_000), refused)).toEqual({});
    expect(found(asked(0), refused, stall('a', 20, 3_000))).toEqual({});
  });

  it('a call that does not end hangs, unless its process died', () => {
    expect(found(asked(0))).toEqual({ hung: 1 });
    expect(found(asked(0), { type: 'killed', at: 500, worker: 'a' })).toEqual({});
    const releasing = lease('a', { from: 10, to: 20 }).filter(({ type }) => type !== 'released');
    expect(found(releasing)).toEqual({ hung: 1 });
  });
});

describe('a key', () => {
  const key = (at: number): RunRecord => ({
    type: 'key',
    at,
    firstAt: 15,
    node: 0,
    resource: 'r',
    worker: 'a',
    value: 'id@a',
  });

  it('a key is leaked if its owner has released it and nothing was faulty', () => {
    expect(found(lease('a', { from: 10, to: 20 }), key(2_000), key(2_300))).toEqual({ leaked: 1 });
  });

  it('a key is not leaked while its owner holds it, or has only just released it', () => {
    expect(found(lease('a', { from: 10, to: 20 }), key(900))).toEqual({});
    expect(found(lease('a', { from: 10, to: 5_000 }), key(2_000))).toEqual({});
  });

  it('a key is not leaked while another acquire of its owner is running', () => {
    const asking = by('a', {
      type: 'acquire',
      at: 12,
      lease: 'b',
      resource: 'r',
      waitMs: 9_000,
      ttlMs: 1_000,
    });
    const refused = by('a', { type: 'refused', at: 5_000, lease: 'b', reason: 'held' });
    expect(found(lease('a', { from: 10, to: 20 }), asking, refused, key(2_000))).toEqual({});
  });

  it('a key is not leaked if its node had a fault or its owner is dead', () => {
    const fault: RunRecord = { type: 'fault', at: 18, until: 1_500, kind: 'node-stop', node: 0 };
    expect(found(lease('a', { from: 10, to: 20 }), fault, key(2_000))).toEqual({});
    expect(found(lease('a', { from: 10, to: 20 }), { ...fault, node: 1 }, key(2_000))).toEqual({ leaked: 1 });
    expect(
      found(lease('a', { from: 10, to: 20 }), { type: 'killed', at: 30, worker: 'a' }, key(2_000)),
    ).toEqual({});
  });
});

describe('a tick', () => {
  const tried = (worker: string, outcome: string): RunRecord[] =>
    by(worker, { type: 'tick', at: 50_000, tick: 1, outcome });
  const nodeFault = (node: number): RunRecord => ({
    type: 'fault',
    at: 49_000,
    until: 49_500,
    kind: 'node-stop',
    node,
  });

  it('a node that forgot in no list has no vote for a minute after it is asked again', () => {
    const refused = ['a', 'b'].map((worker) => tried(worker, 'QUORUM_UNREACHABLE'));
    const at = 50_000 - TICK_AHEAD_MS;
    const unseen = (node: number): RunRecord => ({
      type: 'fault',
      at,
      until: at + 500,
      kind: FORGOT_UNSEEN,
      node,
    });
    expect(found(...refused, unseen(0))).toEqual({ lostJobs: 1 });
    expect(found(...refused, unseen(0), unseen(1))).toEqual({});
  });

  it('a tick that two workers run is a duplicate', () => {
    expect(run(tried('a', 'ran'), tried('b', 'LOCK_NOT_ACQUIRED'))).toMatchObject({
      ticksRun: 1,
      ticksDue: 1,
    });
    expect(found(tried('a', 'ran'), tried('b', 'ran'))).toEqual({ duplicates: 1 });
  });

  it('a tick that nobody runs is lost, also with a minority of nodes down', () => {
    expect(found(tried('a', 'LOCK_NOT_ACQUIRED'), tried('b', 'LOCK_NOT_ACQUIRED'))).toEqual({ lostJobs: 1 });
    expect(found(tried('a', 'QUORUM_UNREACHABLE'), nodeFault(0))).toEqual({ lostJobs: 1 });
  });

  it('a tick is not due while a majority of nodes or one of the workers has a fault', () => {
    expect(found(tried('a', 'QUORUM_UNREACHABLE'), nodeFault(0), nodeFault(1))).toEqual({});
    expect(found(tried('a', 'LOCK_NOT_ACQUIRED'), { type: 'killed', at: 50_001, worker: 'b' })).toEqual({});
    expect(found(tried('a', 'LOCK_NOT_ACQUIRED'), stall('b', 49_900, 50_300))).toEqual({});
  });
});

it('the checker finds an error that reaches the process', () => {
  expect(found(by('a', { type: 'crash', at: 5, message: 'Error: unhandled' }))).toEqual({ crashes: 1 });
});
