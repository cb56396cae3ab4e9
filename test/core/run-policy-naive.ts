/** A second implementation of src/core/run-policy.ts: lists in place of rules, slow and plain. */
import type { DueRun, RunPolicy } from '../../src/core/run-policy.js';
import type { RunRecord } from '../../src/core/run.js';

/** All ticks of the schedule, ascending. */
export function naiveDueRun(
  nowMs: number,
  ticks: readonly number[],
  known: RunRecord | undefined,
  policy: RunPolicy,
): DueRun {
  const due = ticks.filter((tick) => tick <= nowMs);
  const latest = due[due.length - 1];
  if (latest === undefined) return { kind: 'nothing', why: 'not_due' };
  if (known === undefined) return { kind: 'nothing', why: 'first_deployment' };
  if (ticks.every((tick) => tick !== known.tick || tick > latest) && known.tick > latest)
    return { kind: 'nothing', why: 'later_tick' };
  if (known.tick > latest) return { kind: 'nothing', why: 'later_tick' };

  const following = (tick: number): number | undefined => ticks.find((one) => one > tick);
  const mayStart = (tick: number): boolean => {
    const after = following(tick);
    const lateness = nowMs - tick;
    if (policy.maxLatenessMs !== undefined) return lateness <= policy.maxLatenessMs;
    return after === undefined || lateness <= Math.floor((after - tick) / 2);
  };

  // Every tick that could be run now, the latest first, with what it would be.
  const candidates: DueRun[] = [];
  if (policy.missed === 'once' && mayStart(latest)) {
    if (known.tick < latest || known.state === 'open')
      candidates.push({ kind: 'run', tick: latest, why: 'missed' });
  }
  const mayRetry = policy.abandoned === 'retry' && known.attempt < policy.attempts;
  if (known.state === 'started' && mayRetry && mayStart(known.tick))
    candidates.push({ kind: 'run', tick: known.tick, why: 'abandoned' });
  if (candidates.length > 0) return candidates[0]!;

  if (known.tick === latest && known.state === 'finished') return { kind: 'nothing', why: 'finished' };
  if (known.tick === latest && known.state === 'started') {
    if (policy.abandoned === 'leave') return { kind: 'abandoned', tick: latest, why: 'policy' };
    if (known.attempt >= policy.attempts) return { kind: 'abandoned', tick: latest, why: 'attempts' };
    return { kind: 'abandoned', tick: latest, why: 'too_late' };
  }
  const after = following(latest);
  const half = after === undefined ? 60_000 : Math.floor((after - latest) / 2);
  if (nowMs - latest <= (half < 60_000 ? half : 60_000) + policy.spreadMs)
    return { kind: 'nothing', why: 'may_still_run' };
  return { kind: 'missed', tick: latest, why: policy.missed === 'skip' ? 'policy' : 'too_late' };
}
