import { describe, expect, it } from '@jest/globals';
import { check, isClean, type Evidence, type Kill } from '../../examples/demo/check.js';
import { isDue, type LateJob, type Outage } from '../../examples/demo/due.js';
import {
  CATCH_UP_JOB,
  LEADER_JOB,
  LONG_JOB,
  RETRY_JOB,
  runsOf,
  TICK_JOB,
  type Run,
} from '../../examples/demo/record.js';

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
    attempt: 1,
    token: 100 + index,
    startedAt,
    startedWallMs: SECOND + startedAt,
    endedAt: startedAt + 5,
    heldUntil: undefined,
    outcome: 'done',
    ...changes,
  };
}

function longRun(startedAt: number, endedAt: number | undefined, changes: Partial<Run> = {}): Run {
  return {
    ...tickRun(0),
    job: LONG_JOB,
    tick: null,
    attempt: null,
    token: startedAt,
    startedAt,
    endedAt,
    outcome: endedAt === undefined ? undefined : 'done',
    ...changes,
  };
}

const kill = (worker: string, at: number, claimedTick?: number): Kill => ({
  worker,
  at,
  claimed: claimedTick === undefined ? [] : [{ job: TICK_JOB, tick: claimedTick }],
});

const examine = (evidence: Partial<Evidence>) =>
  check({ runs: [], kills: [], outages: [], expectedTicks: [], lateJobs: [], ...evidence });

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
      away: [],
      unrun: [],
      superseded: [],
      caughtUp: [],
      retried: [],
      backlog: [],
      attempts: [],
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

  it('a body whose worker was told that it had lost the lock overlaps with those before the loss only', () => {
    const starved = longRun(1_000, 5_000, { heldUntil: 2_000 });
    const during = longRun(1_999, 2_100, { token: 1_999 });
    const after = longRun(2_000, 3_000, { token: 2_000 });
    expect(examine({ runs: [starved, after] }).overlaps).toEqual([]);
    expect(examine({ runs: [starved, during] }).overlaps).toEqual([{ earlier: starved, later: during }]);
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

/** A majority is away between two seconds, counted like ticks. */
const outage = (fromSecond: number, resumedSecond: number, toSecond = resumedSecond): Outage => ({
  fromMs: tickAt(fromSecond),
  resumedMs: tickAt(resumedSecond),
  toMs: tickAt(toSecond),
});

describe('the job of every second while no majority is up', () => {
  const outages = [outage(2.4, 4.4)];
  const runs = [0, 1, 2, 5, 6].map((index) => tickRun(index));

  it('a tick that comes during an outage is not due, because the job has no policy of missed ticks', () => {
    const findings = examine({ runs, outages, expectedTicks: ticksUpTo(7) });
    expect(findings).toMatchObject({ missed: [], away: [tickAt(3), tickAt(4)], runs: 5 });
    expect(isClean(findings)).toBe(true);
  });

  it('an outage excuses the ticks up to a second from it, and no others', () => {
    const findings = examine({ outages, expectedTicks: ticksUpTo(8) });
    expect(findings.away).toEqual([2, 3, 4, 5].map(tickAt));
    expect(findings.missed).toEqual([0, 1, 6, 7].map(tickAt));
    expect(isClean(findings)).toBe(false);
  });

  it('a tick that ran twice during an outage is a duplicate', () => {
    const again = tickRun(3, { startedAt: 3_500, endedAt: 3_505, token: 104 });
    const findings = examine({ runs: [tickRun(3), again], outages });
    expect(findings.duplicates).toEqual([again]);
    expect(isClean(findings)).toBe(false);
  });
});

describe('when a tick is due', () => {
  const job: LateJob = {
    job: CATCH_UP_JOB,
    ticks: [],
    everyMs: 3_000,
    maxLatenessMs: 3_000,
    abandoned: 'leave',
  };

  it.each([
    ['no outage', 'due', []],
    ['an outage that ends a second before the next tick', 'due', [outage(-1, 2)]],
    ['an outage that ends less than a second before the next tick', 'not due', [outage(-1, 2.001)]],
    ['an outage that ends when the next tick has come', 'not due', [outage(-1, 4)]],
    ['resumed nodes that vote late', 'not due', [outage(-1, 1, 2.5)]],
    ['an outage that begins a second after it', 'due', [outage(1, 9)]],
    ['an outage that begins less than a second after it', 'not due', [outage(0.999, 9)]],
    ['a second between two outages', 'due', [outage(1.5, 9), outage(-1, 0.5)]],
    ['less than a second between two outages', 'not due', [outage(1.4, 9), outage(-1, 0.5)]],
  ] as const)('with %s, a tick is %s', (_what, expected, outages) => {
    expect(isDue(tickAt(0), job, outages) ? 'due' : 'not due').toBe(expected);
  });

  it('a tick is not due beyond its lateness, though the next tick is far', () => {
    const far = { ...job, everyMs: 60_000 };
    expect(isDue(tickAt(0), far, [outage(-1, 2)])).toBe(true);
    expect(isDue(tickAt(0), far, [outage(-1, 2.5)])).toBe(false);
  });
});

describe('ticks that are caught up', () => {
  const every3 = { job: CATCH_UP_JOB, everyMs: 3_000, maxLatenessMs: 3_000, abandoned: 'leave' } as const;
  const lateJobs = [{ ...every3, ticks: [0, 3, 6, 9].map(tickAt) }];
  const outages = [outage(2.4, 6.4)];
  /** A run of the tick of a second, that begins so many seconds after the first tick. */
  const run = (index: number, atSecond = index + 0.01, changes: Partial<Run> = {}): Run =>
    tickRun(index, {
      job: CATCH_UP_JOB,
      startedAt: atSecond * 1_000,
      startedWallMs: SECOND + atSecond * 1_000,
      endedAt: atSecond * 1_000 + 5,
      ...changes,
    });

  it('the latest tick of an outage is caught up, and the one before it is superseded', () => {
    const late = run(6, 6.6);
    const findings = examine({ runs: [run(0), late, run(9)], outages, lateJobs });
    expect(findings).toMatchObject({
      unrun: [],
      backlog: [],
      caughtUp: [late],
      superseded: [{ job: CATCH_UP_JOB, tick: tickAt(3) }],
    });
    expect(isClean(findings)).toBe(true);
  });

  it('a tick that was due within its lateness and has no run is a failure', () => {
    const findings = examine({ runs: [run(0), run(9)], outages, lateJobs });
    expect(findings).toMatchObject({ unrun: [{ job: CATCH_UP_JOB, tick: tickAt(6) }], caughtUp: [] });
    expect(isClean(findings)).toBe(false);
  });

  it('a tick that was due and whose only run did not succeed is a failure', () => {
    const lost = run(6, 6.6, { outcome: 'lost' });
    const findings = examine({ runs: [run(0), lost, run(9)], outages, lateJobs });
    expect(findings).toMatchObject({ unrun: [{ job: CATCH_UP_JOB, tick: tickAt(6) }], caughtUp: [] });
    expect(isClean(findings)).toBe(false);
  });

  it('without an outage every tick is due', () => {
    const findings = examine({ runs: [run(0), run(6), run(9)], lateJobs });
    expect(findings.unrun).toEqual([{ job: CATCH_UP_JOB, tick: tickAt(3) }]);
  });

  it('a catch-up of a backlog is a failure: a tick that is not the latest runs after the outage', () => {
    const early = run(3, 6.5);
    const findings = examine({ runs: [run(0), early, run(6, 6.6), run(9)], outages, lateJobs });
    expect(findings.backlog).toEqual([early]);
    expect(isClean(findings)).toBe(false);
  });

  it('a run that a worker began during the outage is no backlog', () => {
    const findings = examine({ runs: [run(0), run(3), run(6, 6.6), run(9)], outages, lateJobs });
    expect(findings.backlog).toEqual([]);
  });

  it('a tick that is caught up twice is a duplicate', () => {
    const again = run(6, 6.7, { token: 200, attempt: 2 });
    const findings = examine({ runs: [run(0), run(6, 6.6), again, run(9, 9.01, { token: 201 })], lateJobs });
    expect(findings.duplicates).toEqual([again]);
    expect(isClean(findings)).toBe(false);
  });

  it('the tick that a killed worker had claimed is not due, where the policy leaves it', () => {
    const killed: Kill = { ...kill('worker-2', 3_100), claimed: [{ job: CATCH_UP_JOB, tick: tickAt(3) }] };
    const runs = [run(0), run(6), run(9)];
    expect(examine({ runs, lateJobs, kills: [killed] }).unrun).toEqual([]);
    const retried = lateJobs.map((job) => ({ ...job, abandoned: 'retry' as const }));
    expect(examine({ runs, lateJobs: retried, kills: [killed] }).unrun).toHaveLength(1);
  });

  it('two bodies at once are an overlap, whatever their ticks are', () => {
    const long = run(3, 3.01, { endedAt: 6_020 });
    const findings = examine({ runs: [run(0), long, run(6), run(9)], lateJobs });
    expect(findings.overlaps).toHaveLength(1);
    expect(isClean(findings)).toBe(false);
  });
});

describe('ticks that are run again', () => {
  const lateJobs = [
    {
      job: RETRY_JOB,
      everyMs: 6_000,
      maxLatenessMs: 6_000,
      abandoned: 'retry',
      ticks: [tickAt(0)],
    } as const,
  ];
  const attempt = (nth: number, startedAt: number, changes: Partial<Run> = {}): Run =>
    tickRun(0, {
      job: RETRY_JOB,
      attempt: nth,
      token: 100 + nth,
      startedAt,
      startedWallMs: SECOND + startedAt,
      endedAt: startedAt + 1_500,
      ...changes,
    });
  const killed = attempt(1, 10, { worker: 'worker-2', endedAt: undefined, outcome: undefined });
  const kills = [kill('worker-2', 700)];

  it('the run of a killed worker that another finishes as attempt 2 is retried, and clean', () => {
    const second = attempt(2, 1_800);
    const findings = examine({ runs: [second, killed], kills, lateJobs });
    expect(findings).toMatchObject({ retried: [second], duplicates: [], unrun: [], overlaps: [] });
    expect(isClean(findings)).toBe(true);
  });

  it('a run that had lost its lock before its end may be followed by another one', () => {
    const starved = attempt(1, 10, { heldUntil: 700 });
    const again = attempt(2, 1_600);
    expect(examine({ runs: [starved, again], lateJobs }).duplicates).toEqual([]);
    const held = attempt(1, 10, { endedAt: 900, heldUntil: 900 });
    expect(examine({ runs: [held, again], lateJobs }).duplicates).toEqual([again]);
  });

  it('the run of a killed worker that nobody finishes is a failure', () => {
    const findings = examine({ runs: [killed], kills, lateJobs });
    expect(findings).toMatchObject({ retried: [], unrun: [{ job: RETRY_JOB, tick: tickAt(0) }] });
    expect(isClean(findings)).toBe(false);
  });

  it('a second run before the first worker is dead is an overlap', () => {
    const findings = examine({ runs: [killed, attempt(2, 600)], kills, lateJobs });
    expect(findings.overlaps).toHaveLength(1);
    expect(isClean(findings)).toBe(false);
  });

  it.each([
    ['the same', 1],
    ['lower', 0],
    ['unknown', null],
  ])('an attempt that is %s is a failure', (_how, nth) => {
    const second = attempt(2, 1_800, { attempt: nth });
    const findings = examine({ runs: [killed, second], kills, lateJobs });
    expect(findings.attempts).toEqual([{ earlier: killed, later: second }]);
    expect(isClean(findings)).toBe(false);
  });

  it('an attempt is compared with the one before it, and not with those of other ticks', () => {
    const first = tickRun(6, { job: RETRY_JOB, attempt: 1, token: 200 });
    expect(examine({ runs: [killed, attempt(2, 1_800), first], kills, lateJobs }).attempts).toEqual([]);
  });

  it('a tick that runs again after a run that succeeded is a duplicate', () => {
    const second = attempt(2, 1_800);
    const findings = examine({ runs: [attempt(1, 10), second], lateJobs });
    expect(findings).toMatchObject({ duplicates: [second], retried: [] });
    expect(isClean(findings)).toBe(false);
  });

  it('a tick may run again if its worker was killed before it could tell its end', () => {
    const runs = [attempt(1, 10, { worker: 'worker-2' }), attempt(2, 3_000)];
    expect(examine({ runs, lateJobs, kills: [kill('worker-2', 1_512)] }).duplicates).toEqual([]);
    expect(examine({ runs, lateJobs, kills: [kill('worker-2', 9_000)] }).duplicates).toHaveLength(1);
    expect(examine({ runs, lateJobs, kills: [kill('worker-1', 1_512)] }).duplicates).toHaveLength(1);
  });

  it('a tick may run again if no majority could hear of its end', () => {
    const runs = [attempt(1, 10), attempt(2, 5_000)];
    expect(examine({ runs, lateJobs, outages: [outage(1, 4)] }).duplicates).toEqual([]);
    expect(examine({ runs, lateJobs, outages: [outage(6, 9)] }).duplicates).toHaveLength(1);
    expect(examine({ runs, lateJobs, outages: [outage(-3, 1)] }).duplicates).toHaveLength(1);
  });
});

describe('leaders', () => {
  const led = (run: Run): Run => ({ ...run, job: LEADER_JOB });

  it('two leaders at once are an overlap', () => {
    const [one, two] = [longRun(0, 3_000), longRun(2_900, 4_000)].map(led);
    const findings = examine({ runs: [one!, two!] });
    expect(findings.overlaps).toEqual([{ earlier: one, later: two }]);
    expect(isClean(findings)).toBe(false);
  });

  it('the next leader has a higher token', () => {
    const terms = [longRun(0, 3_000, { token: 9 }), longRun(3_100, 4_000, { token: 8 })];
    const findings = examine({ runs: terms.map(led) });
    expect(findings.regressions).toHaveLength(1);
  });
});

describe('the record', () => {
  const start = {
    kind: 'start',
    run: 'a/1',
    worker: 'a',
    job: LONG_JOB,
    tick: null,
    attempt: null,
    token: 7,
    at: 1,
    wallMs: 2,
  };
  const end = { kind: 'end', run: 'a/1', at: 3, heldUntil: 2.5, outcome: 'done' };
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
      heldUntil: 2.5,
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
