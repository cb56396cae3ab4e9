import { describe, expect, it } from '@jest/globals';
import { check, isClean, type Evidence, type Kill } from '../../examples/demo/check.js';
import { LONG_JOB, runsOf, TICK_JOB, type Run } from '../../examples/demo/record.js';

const SECOND = 1_795_000_000_000;
const tickAt = (index: number): number => SECOND + index * 1_000;
const ticksUpTo = (count: number): number[] => Array.from({ length: count }, (_, index) => tickAt(index));

let counted = 0;

/** A run of the cron job in the given second, 10 ms after it, for 5 ms. */
function tickRun(index: number, changes: Partial<Run> = {}): Run {
  const startedAt = index * 1_000 + 10;
  return {
    run: `run-${++counted}`,
    worker: 'worker-1',
    job: TICK_JOB,
    tick: tickAt(index),
    token: 100 + index,
    startedAt,
    startedWallMs: SECOND + startedAt,
    endedAt: startedAt + 5,
    outcome: 'done',
    ...changes,
  };
}

function longRun(startedAt: number, endedAt: number | undefined, changes: Partial<Run> = {}): Run {
  return {
    ...tickRun(0),
    job: LONG_JOB,
    tick: null,
    token: startedAt,
    startedAt,
    endedAt,
    outcome: endedAt === undefined ? undefined : 'done',
    ...changes,
  };
}

const kill = (worker: string, at: number, claimedTick?: number): Kill => ({ worker, at, claimedTick });

const examine = (evidence: Partial<Evidence>) =>
  check({ runs: [], kills: [], expectedTicks: [], ...evidence });

describe('a clean record', () => {
  const runs = [
    tickRun(0),
    tickRun(1, { worker: 'worker-2' }),
    tickRun(2),
    longRun(1, 2_500),
    longRun(2_500, 2_990),
  ];
  const findings = examine({ runs, expectedTicks: ticksUpTo(3) });

  it('a clean record has as many runs as ticks, and no findings', () => {
    expect(findings).toEqual({
      ticks: 3,
      runs: 3,
      duplicates: [],
      missed: [],
      ownTicks: [],
      overlaps: [],
      regressions: [],
      unended: [],
    });
    expect(isClean(findings)).toBe(true);
  });

  it('a clean record is clean in any order of its entries', () => {
    expect(isClean(examine({ runs: [...runs].reverse(), expectedTicks: ticksUpTo(3) }))).toBe(true);
  });
});

describe('duplicates', () => {
  it('a tick that two workers ran is one duplicate: the later run', () => {
    const later = tickRun(1, { worker: 'worker-2', token: 150, startedAt: 1_300, endedAt: 1_305 });
    const findings = examine({
      runs: [tickRun(0), later, tickRun(1), tickRun(2, { token: 200 })],
      expectedTicks: ticksUpTo(3),
    });
    expect(findings.duplicates).toEqual([later]);
    expect(findings.runs).toBe(4);
    expect(isClean(findings)).toBe(false);
  });

  it('a tick that ran three times counts twice', () => {
    const runs = [0, 1, 2].map((turn) =>
      tickRun(0, { startedAt: 10 * turn, endedAt: 10 * turn + 5, token: turn }),
    );
    expect(examine({ runs }).duplicates).toHaveLength(2);
  });

  it('duplicates are found outside the expected ticks too', () => {
    const runs = [tickRun(7), tickRun(7, { startedAt: 7_500, endedAt: 7_505, token: 999 })];
    const findings = examine({ runs, expectedTicks: [] });
    expect(findings.duplicates).toHaveLength(1);
    expect(findings.runs).toBe(0);
  });

  it('a run of a tick by a worker that was killed in it counts as a run', () => {
    const killed = tickRun(1, { worker: 'worker-2', endedAt: undefined });
    const again = tickRun(1, { token: 150, startedAt: 1_900, endedAt: 1_905 });
    const findings = examine({ runs: [killed, again], kills: [kill('worker-2', 1_012, tickAt(1))] });
    expect(findings.duplicates).toEqual([again]);
  });
});

describe('missed ticks', () => {
  it('a tick without a run is missed', () => {
    const findings = examine({ runs: [tickRun(0), tickRun(2)], expectedTicks: ticksUpTo(3) });
    expect(findings.missed).toEqual([tickAt(1)]);
    expect(findings.runs).toBe(2);
    expect(isClean(findings)).toBe(false);
  });

  it('an empty record misses all of them', () => {
    expect(examine({ expectedTicks: ticksUpTo(30) }).missed).toHaveLength(30);
  });

  it('the tick that a killed worker had claimed is its own, and not missed', () => {
    const evidence = {
      runs: [tickRun(0)],
      expectedTicks: ticksUpTo(2),
      kills: [kill('worker-2', 1_010, tickAt(1))],
    };
    expect(examine(evidence)).toMatchObject({ missed: [], ownTicks: [tickAt(1)], runs: 1 });
  });

  it('a kill excuses only the tick that was claimed', () => {
    const runs = [tickRun(0)];
    const expectedTicks = ticksUpTo(3);
    const one = examine({ runs, expectedTicks, kills: [kill('worker-2', 1_010, tickAt(1))] });
    expect(one.missed).toEqual([tickAt(2)]);
    const none = examine({ runs, expectedTicks, kills: [kill('worker-2', 1_010)] });
    expect(none.missed).toEqual([tickAt(1), tickAt(2)]);
  });

  it('a claimed tick that was run after all is neither missed nor excused', () => {
    const findings = examine({
      runs: [tickRun(0)],
      expectedTicks: ticksUpTo(1),
      kills: [kill('worker-2', 300, tickAt(0))],
    });
    expect(findings).toMatchObject({ missed: [], ownTicks: [], runs: 1 });
  });
});

describe('overlaps', () => {
  it('two bodies of one job at once are an overlap, even for a microsecond', () => {
    const [earlier, later] = [longRun(1_000, 2_000), longRun(1_999.999, 3_000, { worker: 'worker-2' })];
    const findings = examine({ runs: [later, earlier] });
    expect(findings.overlaps).toEqual([{ earlier, later }]);
    expect(isClean(findings)).toBe(false);
  });

  it('a body that begins when the one before has ended is no overlap', () => {
    expect(examine({ runs: [longRun(1_000, 2_000), longRun(2_000, 3_000)] }).overlaps).toEqual([]);
  });

  it('bodies of different jobs may run together', () => {
    expect(examine({ runs: [longRun(0, 5_000), tickRun(1), tickRun(2)] }).overlaps).toEqual([]);
  });

  it('each body within a long one is an overlap with the long one', () => {
    const long = longRun(1, 9_000);
    const runs = [long, longRun(2, 3, { token: 2 }), longRun(4, 5, { token: 4 })];
    expect(examine({ runs }).overlaps.map(({ earlier }) => earlier)).toEqual([long, long]);
  });

  it('the body of a killed worker ends when the worker is dead, and not before', () => {
    const dying = longRun(1_000, undefined, { worker: 'worker-2' });
    const next = longRun(3_000, 4_000);
    const before = examine({ runs: [dying, next], kills: [kill('worker-2', 2_900)] });
    expect(before).toMatchObject({ overlaps: [], unended: [] });
    const after = examine({ runs: [dying, next], kills: [kill('worker-2', 3_100)] });
    expect(after.overlaps).toEqual([{ earlier: dying, later: next }]);
  });

  it('the earlier bodies of a killed worker end by their own entries', () => {
    const runs = [longRun(1_000, 2_000, { worker: 'worker-2' }), longRun(2_500, 3_000)];
    expect(examine({ runs, kills: [kill('worker-2', 9_000)] }).overlaps).toEqual([]);
  });

  it('a body of a living worker that never ended overlaps with all that follow', () => {
    const open = longRun(1_000, undefined);
    const findings = examine({ runs: [open, longRun(2_000, 3_000), longRun(3_000, 4_000)] });
    expect(findings.unended).toEqual([open]);
    expect(findings.overlaps).toHaveLength(2);
  });
});

describe('fencing tokens', () => {
  it.each([
    ['falls', 999],
    ['stays the same', 1_000],
  ])('a token that %s from one holder to the next is a regression', (_how, token) => {
    const [earlier, later] = [longRun(1_000, 2_000), longRun(2_000, 3_000, { token })];
    const findings = examine({ runs: [later, earlier] });
    expect(findings.regressions).toEqual([{ earlier, later }]);
    expect(isClean(findings)).toBe(false);
  });

  it('a token is compared with the highest so far, and not only with the one before', () => {
    const [high, low, middle] = [
      longRun(1, 2, { token: 9 }),
      longRun(3, 4, { token: 5 }),
      longRun(5, 6, { token: 7 }),
    ];
    expect(examine({ runs: [high, low, middle] }).regressions).toEqual([
      { earlier: high, later: low },
      { earlier: high, later: middle },
    ]);
  });

  it('tokens of different jobs are not compared', () => {
    expect(examine({ runs: [longRun(1, 2, { token: 900 }), tickRun(1), tickRun(2)] }).regressions).toEqual(
      [],
    );
  });
});

describe('the record', () => {
  const start = {
    kind: 'start',
    run: 'a/1',
    worker: 'a',
    job: LONG_JOB,
    tick: null,
    token: 7,
    at: 1,
    wallMs: 2,
  };
  const end = { kind: 'end', run: 'a/1', at: 3, outcome: 'done' };
  const written = (...entries: object[]): string =>
    entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

  it('a record is read with and without the ends of runs', () => {
    const [run] = runsOf(written(start, end));
    expect(run).toMatchObject({
      run: 'a/1',
      token: 7,
      startedAt: 1,
      startedWallMs: 2,
      endedAt: 3,
      outcome: 'done',
    });
    expect(runsOf(written(start))[0]).toMatchObject({ endedAt: undefined, outcome: undefined });
    expect(runsOf('')).toEqual([]);
  });

  it.each([
    ['a run that ends without a beginning', written(end)],
    ['a run that begins twice', written(start, start)],
    ['a run that ends twice', written(start, end, end)],
    ['half a line', written(start).slice(0, -9)],
  ])('a record with %s is an error', (_what, text) => {
    expect(() => runsOf(text)).toThrow();
  });
});
