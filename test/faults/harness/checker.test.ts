import { describe, expect, it } from '@jest/globals';
import { check, type CheckTerms, type Findings } from './checker.js';
import type { RunRecord, WorkerRecord } from './records.js';

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

interface Told {
  readonly lease?: string;
  readonly from: number;
  readonly to: number;
  readonly token?: number;
  readonly how?: 'release' | 'lost';
  readonly ttlMs?: number;
}

/** A lease from its request, a millisecond before, to its end. */
function lease(
  worker: string,
  { lease: id = worker, from, to, token, how = 'release', ttlMs = 60_000 }: Told,
) {
  const end: WorkerRecord[] =
    how === 'release'
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

/** How many of each kind were found, of those that were found at all. */
function found(...records: (RunRecord | RunRecord[])[]): Partial<Record<keyof Findings, number>> {
  const { findings } = run(...records);
  return Object.fromEntries(
    Object.entries(findings).flatMap(([kind, list]: [string, readonly unknown[]]) =>
      list.length > 0 ? [[kind, list.length]] : [],
    ),
  );
}

describe('holders of one resource', () => {
  it('one after the other are as it should be', () => {
    expect(
      found(lease('a', { from: 10, to: 20, token: 1 }), lease('b', { from: 21, to: 30, token: 2 })),
    ).toEqual({});
  });

  it('at the same time are an overlap of so many milliseconds', () => {
    const { findings } = run(
      lease('a', { from: 10, to: 20, token: 1 }),
      lease('b', { from: 15, to: 30, token: 2 }),
    );
    expect(findings.overlaps).toMatchObject([{ ms: 5 }]);
  });

  it('are found although others of the resource have come and gone in between', () => {
    const long = lease('a', { from: 10, to: 100 });
    expect(found(long, lease('b', { from: 20, to: 30 }), lease('c', { from: 40, to: 50 }))).toEqual({
      overlaps: 2,
    });
  });

  it('do not overlap while one of them does not run', () => {
    const paused = [...lease('a', { from: 10, to: 55, how: 'lost' }), ...stall('a', 15, 56)];
    expect(found(paused, lease('b', { from: 20, to: 90 }))).toEqual({});
  });

  it('overlap when one runs on after its pause', () => {
    const paused = [...lease('a', { from: 10, to: 60, how: 'lost' }), ...stall('a', 15, 55)];
    expect(run(paused, lease('b', { from: 20, to: 90 })).findings.overlaps).toMatchObject([{ ms: 5 }]);
  });

  it('overlap with one who was never told its loss', () => {
    const silent = lease('a', { from: 10, to: 20 }).filter(
      ({ type }) => type === 'acquire' || type === 'acquired',
    );
    expect(found(silent, lease('b', { from: 30, to: 40 })).overlaps).toBe(1);
  });

  it('do not overlap with the dead', () => {
    const dead = lease('a', { from: 10, to: 20 }).filter(
      ({ type }) => type === 'acquire' || type === 'acquired',
    );
    expect(found(dead, { type: 'killed', at: 25, worker: 'a' }, lease('b', { from: 30, to: 40 }))).toEqual(
      {},
    );
  });

  it('with tokens that do not grow are a regression', () => {
    const first = lease('a', { from: 10, to: 20, token: 7 });
    expect(found(first, lease('b', { from: 30, to: 40, token: 7 }))).toEqual({ tokenRegressions: 1 });
  });
});

describe('the store', () => {
  const first = lease('a', { from: 10, to: 100, how: 'lost', token: 1 });
  const holders = [first, stall('a', 15, 101), lease('b', { from: 20, to: 90, token: 2 })];

  it('took a stale write when an earlier holder wrote after a later one', () => {
    expect(found(...holders, stored('b', 30), stored('a', 99))).toEqual({ staleWrites: 1 });
  });

  it('was right to refuse it, and to take writes in the order of the holders', () => {
    expect(found(...holders, stored('a', 12), stored('b', 30), stored('a', 99, false))).toEqual({});
    expect(run(...holders, stored('b', 30), stored('a', 99, false))).toMatchObject({
      writes: 2,
      refusedWrites: 1,
    });
  });
});

describe('a loss', () => {
  it('told before the TTL of the last extension has run out is in time', () => {
    const told = lease('a', { from: 1_000, to: 2_900, how: 'lost', ttlMs: 1_000 });
    expect(found(told, by('a', { type: 'extended', at: 1_950, lease: 'a' }))).toEqual({});
  });

  it('told after that is late by the difference', () => {
    const told = lease('a', { from: 1_000, to: 2_900, how: 'lost', ttlMs: 1_000 });
    const extended = by('a', { type: 'extended', at: 1_800, lease: 'a' });
    expect(run(told, extended).findings.lateLosses).toMatchObject([{ ms: 100 }]);
  });

  it('that an extension came too late to prevent is late', () => {
    const told = lease('a', { from: 1_000, to: 2_500, ttlMs: 1_000 });
    const extended = by('a', { type: 'extended', at: 2_100, lease: 'a' });
    expect(run(told, extended).findings.lateLosses).toMatchObject([{ ms: 100 }]);
  });

  it('that a stopped process hears of when it runs again is in time', () => {
    const told = lease('a', { from: 1_000, to: 9_000, how: 'lost', ttlMs: 1_000 });
    expect(found(told, stall('a', 1_500, 9_001))).toEqual({});
  });
});

describe('a call', () => {
  const asked = (waitMs: number) =>
    by('a', { type: 'acquire', at: 10, lease: 'a', resource: 'r', waitMs, ttlMs: 1_000 });

  it('that ends after its wait and its last attempt is late', () => {
    const refused = by('a', { type: 'refused', at: 3_500, lease: 'a', reason: 'held' });
    expect(found(asked(0), refused)).toEqual({ lateAcquires: 1 });
    expect(found(asked(2_000), refused)).toEqual({});
    expect(found(asked(0), refused, stall('a', 20, 3_000))).toEqual({});
  });

  it('that does not end hangs, unless its process died', () => {
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

  it('is leaked when its owner has let go of it and nothing was wrong', () => {
    expect(found(lease('a', { from: 10, to: 20 }), key(2_000), key(2_300))).toEqual({ leaked: 1 });
  });

  it('may be there while its owner holds it, or has only just released it', () => {
    expect(found(lease('a', { from: 10, to: 20 }), key(900))).toEqual({});
    expect(found(lease('a', { from: 10, to: 5_000 }), key(2_000))).toEqual({});
  });

  it('may belong to a call that goes on', () => {
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

  it('may be there when its node was not well, or its owner is dead', () => {
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

  it('is run by one', () => {
    expect(run(tried('a', 'ran'), tried('b', 'LOCK_NOT_ACQUIRED'))).toMatchObject({
      ticksRun: 1,
      ticksDue: 1,
    });
    expect(found(tried('a', 'ran'), tried('b', 'ran'))).toEqual({ duplicates: 1 });
  });

  it('is lost when nobody runs it, with a minority of nodes down too', () => {
    expect(found(tried('a', 'LOCK_NOT_ACQUIRED'), tried('b', 'LOCK_NOT_ACQUIRED'))).toEqual({ lostJobs: 1 });
    expect(found(tried('a', 'QUORUM_UNREACHABLE'), nodeFault(0))).toEqual({ lostJobs: 1 });
  });

  it('cannot be run while a majority of nodes, or the worker whose turn it is, is not well', () => {
    expect(found(tried('a', 'QUORUM_UNREACHABLE'), nodeFault(0), nodeFault(1))).toEqual({});
    expect(found(tried('a', 'LOCK_NOT_ACQUIRED'), { type: 'killed', at: 50_001, worker: 'b' })).toEqual({});
    expect(found(tried('a', 'LOCK_NOT_ACQUIRED'), stall('b', 49_900, 50_300))).toEqual({});
  });
});

it('an error that reaches the process is found', () => {
  expect(found(by('a', { type: 'crash', at: 5, message: 'Error: unhandled' }))).toEqual({ crashes: 1 });
});
