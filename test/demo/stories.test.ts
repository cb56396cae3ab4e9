import { describe, expect, it } from '@jest/globals';
import type { WorkerDeath } from '../../examples/demo/faults.js';
import { LEADER_JOB, LONG_JOB, RETRY_JOB, type Run } from '../../examples/demo/record.js';
import { isSettled, missingIn, sequelOf } from '../../examples/demo/stories.js';

const TICK = 1_795_000_002_000;

const run = (worker: string, startedAt: number, changes: Partial<Run> = {}): Run => ({
  run: `${worker}/${startedAt}`,
  worker,
  job: RETRY_JOB,
  tick: TICK,
  attempt: 1,
  token: startedAt,
  startedAt,
  startedWallMs: TICK + startedAt,
  endedAt: startedAt + 1_500,
  heldUntil: startedAt + 1_500,
  outcome: 'done',
  ...changes,
});
const BROKEN_OFF = { endedAt: undefined, heldUntil: undefined, outcome: undefined };
const death = (job: WorkerDeath['job'], at: number): WorkerDeath => ({
  worker: 'worker-1',
  at,
  claimed: [],
  job,
  tick: job === RETRY_JOB ? TICK : null,
  startedAt: 10,
});

describe('what follows from the death of a worker', () => {
  it('a run that was broken off is followed by the one that finishes its tick', () => {
    const first = run('worker-1', 10, BROKEN_OFF);
    const lost = run('worker-2', 1_000, { attempt: 2, outcome: 'lost' });
    const other = run('worker-2', 1_500, { tick: TICK + 6_000 });
    const finished = run('worker-3', 2_000, { attempt: 3 });
    const killed = death(RETRY_JOB, 500);
    expect(sequelOf([finished, other, lost, first], killed)).toBe(finished);
    expect(sequelOf([other, lost, first], killed)).toBeUndefined();
  });

  it.each([LONG_JOB, LEADER_JOB] as const)(
    'the death of a holder of %s is followed by the next holder',
    (job) => {
      const [before, next, later] = [10, 700, 900].map((at) => run('worker-2', at, { job, tick: null }));
      expect(sequelOf([later!, next!, before!], death(job, 500))).toBe(next);
      expect(sequelOf([before!], death(job, 500))).toBeUndefined();
    },
  );

  it('what could not be shown is named', () => {
    expect(missingIn({ runs: [], deaths: [] })).toHaveLength(3);
    const deaths = ([LONG_JOB, RETRY_JOB, LEADER_JOB] as const).map((job) => death(job, 500));
    const runs = [run('worker-2', 600, { attempt: 2 }), run('worker-2', 700, { job: LONG_JOB, tick: null })];
    expect(missingIn({ runs, deaths })).toEqual(['nobody took leader over from worker-1']);
  });
});

describe('the end of the demo', () => {
  const jobs = { retryEveryMs: 6_000 };
  const first = run('worker-1', 10, BROKEN_OFF);

  it('the demo goes on while nobody has followed a worker that was killed', () => {
    const deaths = [death(LONG_JOB, 500)];
    expect(isSettled({ runs: [], deaths }, jobs, TICK)).toBe(false);
    const runs = [run('worker-2', 700, { job: LONG_JOB, tick: null })];
    expect(isSettled({ runs, deaths }, jobs, TICK)).toBe(true);
  });

  it('the demo goes on while a tick that is run again is open, until the next tick comes', () => {
    expect(isSettled({ runs: [first], deaths: [] }, jobs, TICK + 5_999)).toBe(false);
    expect(isSettled({ runs: [first], deaths: [] }, jobs, TICK + 6_000)).toBe(true);
    const runs = [first, run('worker-2', 1_600, { attempt: 2 })];
    expect(isSettled({ runs, deaths: [] }, jobs, TICK + 5_999)).toBe(true);
  });
});
