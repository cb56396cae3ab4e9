import { beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { LockEvent, LockListener } from '../../src/index.js';
import { lockMetrics } from '../../src/prometheus/index.js';
import { reading } from './readings.js';

const TICK = 1_700_000_000_000;
const HOUR = 3_600_000;
const job = { name: 'report', resources: ['report'] };
const run = {
  ...job,
  id: 1,
  token: 7,
  tick: TICK,
  attempt: 1,
  worker: 'a:1',
  latenessMs: 1_500,
};
type Outcome = Extract<LockEvent, { type: 'run_finished' }>['outcome'];
const finished = (outcome: Outcome, tick = TICK): LockEvent => ({
  ...run,
  tick,
  type: 'run_finished',
  outcome,
  durationMs: 2_000,
  nextTick: tick + HOUR,
});
const schedule = (nextTick: number | undefined, lastTick?: number, lastSuccess?: number): LockEvent => ({
  ...job,
  type: 'schedule',
  nextTick,
  lastTick,
  lastSuccess,
});

describe('the metrics of scheduled runs', () => {
  let register: Registry;
  let listener: LockListener;

  beforeEach(() => {
    register = new Registry();
    listener = lockMetrics({ register });
  });

  const hear = (...events: readonly LockEvent[]) => events.forEach((event) => listener(event));
  const read = (name: string, labels: Record<string, string> = {}) =>
    reading(register, `quorlock_${name}`, { lock: 'report', ...labels });

  it('a lock that is no job has none of them', async () => {
    hear({ type: 'declared', name: 'report' });
    expect(await read('run_overruns_total')).toBeUndefined();
    expect(await read('next_tick_timestamp_seconds')).toBeUndefined();
  });

  it('count from zero as soon as the job is known', async () => {
    hear(schedule(TICK + HOUR));
    expect(await read('runs_total', { outcome: 'succeeded' })).toBe(0);
    expect(await read('ticks_missed_total', { reason: 'too_late' })).toBe(0);
    expect(await read('ticks_abandoned_total', { reason: 'retried' })).toBe(0);
    expect(await read('run_duration_seconds_count', { outcome: 'failed' })).toBe(0);
    expect(await read('last_success_timestamp_seconds')).toBeUndefined();
  });

  it('the last success is read from the nodes at the start, and is now at a success', async () => {
    // The last tick has failed, and the one before succeeded.
    hear(schedule(TICK + HOUR, TICK));
    expect(await read('last_success_timestamp_seconds')).toBeUndefined();
    hear(schedule(TICK + HOUR, TICK, TICK - HOUR + 2_000));
    expect(await read('last_success_timestamp_seconds')).toBe((TICK - HOUR) / 1_000 + 2);
    const before = Date.now() / 1_000;
    hear(finished('succeeded'));
    expect(await read('last_success_timestamp_seconds')).toBeGreaterThanOrEqual(before);
    hear(schedule(TICK + HOUR, TICK, TICK));
    expect(await read('last_success_timestamp_seconds')).toBeGreaterThanOrEqual(before);
  });

  it('the next tick stays until a run of it succeeds, and never goes back', async () => {
    hear(schedule(TICK));
    for (const outcome of ['failed', 'timed_out', 'lost'] as const) hear(finished(outcome));
    expect(await read('next_tick_timestamp_seconds')).toBe(TICK / 1_000);
    hear(finished('succeeded'), schedule(TICK), schedule(undefined));
    expect(await read('next_tick_timestamp_seconds')).toBe((TICK + HOUR) / 1_000);
  });

  it('outcomes, lateness, overruns, missed and abandoned ticks are counted', async () => {
    const about = { ...job, tick: TICK, attempt: 1, worker: 'a:1' };
    hear(
      { ...run, type: 'run_started' },
      { ...run, type: 'run_overrun', nextTick: TICK + HOUR },
      finished('timed_out'),
      { ...about, type: 'tick_missed', reason: 'unreachable' },
      { ...about, type: 'tick_abandoned', reason: 'attempts' },
    );
    expect(await read('runs_total', { outcome: 'timed_out' })).toBe(1);
    expect(await read('tick_lateness_seconds_sum')).toBe(1.5);
    expect(await read('run_duration_seconds_sum', { outcome: 'timed_out' })).toBe(2);
    expect(await read('run_overruns_total')).toBe(1);
    expect(await read('ticks_missed_total', { reason: 'unreachable' })).toBe(1);
    expect(await read('ticks_abandoned_total', { reason: 'attempts' })).toBe(1);
  });

  it('a run by hand says nothing of the schedule', async () => {
    const manual = { ...job, id: 1, token: 7, worker: 'a:1', durationMs: 1 };
    hear({ ...manual, type: 'manual_run', outcome: 'succeeded' });
    expect(await read('runs_total', { outcome: 'succeeded' })).toBeUndefined();
  });
});
