import { TICK_AHEAD_MS } from '../../../src/core/run.js';
import type { CheckTerms, Finding, Findings } from './checker.js';
import { faultsOf, groupBy, type Span } from './intervals.js';
import type { RunRecord } from './records.js';
import { FORGETTING } from './schedule.js';

/**
 * Checks that each scheduled run was never run twice, and was run by somebody if enough nodes and all workers
 * were healthy.
 */
export function checkTicks(
  records: readonly RunRecord[],
  stalls: ReadonlyMap<string, readonly Span[]>,
  { nodes, recoveryMs, tickMs }: CheckTerms,
): { findings: Pick<Findings, 'duplicates' | 'lostJobs'>; run: number; due: number } {
  const faults = faultsOf(records);
  const killedAt = records.flatMap((record) => (record.type === 'killed' ? [record.at] : []));
  const byTick = groupBy(
    records.filter((record) => record.type === 'tick'),
    (record) => record.tick,
  );
  const allStalls = [...stalls.values()].flat();
  const touches = (span: Span, other: Span): boolean => span.from < other.to && span.to > other.from;
  const duplicates: Finding[] = [];
  const lostJobs: Finding[] = [];
  let run = 0;
  let due = 0;
  for (const [tick, tried] of byTick) {
    const ran = tried.filter(({ outcome }) => outcome === 'ran');
    const at = Math.min(...tried.map((record) => record.at));
    if (ran.length > 0) run++;
    if (ran.length > 1) {
      duplicates.push({
        what: `tick ${tick} was run by ${ran.map(({ worker }) => worker).join(' and ')}`,
        at,
      });
    }
    const window: Span = { from: at - recoveryMs, to: at + tickMs };
    const during = faults.filter((fault) => touches({ from: fault.at, to: fault.until }, window));
    const voteless = faults.filter(({ at: from, until, kind }) =>
      touches({ from, to: until + (FORGETTING.has(kind) ? TICK_AHEAD_MS : 0) }, window),
    );
    const unhealthy = new Set(voteless.flatMap(({ node }) => (node === undefined ? [] : [node])));
    // A worker that was interrupted during the tick, or just before, may be the reason why nobody else ran
    // it.
    const near: Span = { from: at - tickMs, to: at + tickMs };
    const anyWorkerUnhealthy =
      during.some(
        (fault) => fault.worker !== undefined && touches({ from: fault.at, to: fault.until }, near),
      ) ||
      killedAt.some((killed) => touches({ from: killed, to: killed }, near)) ||
      allStalls.some((span) => span.to - span.from > tickMs / 4 && touches(span, near));
    if (anyWorkerUnhealthy || unhealthy.size > (nodes - 1) / 2) continue;
    due++;
    if (ran.length === 0) {
      const said = tried.map(({ worker, outcome }) => `${worker} ${outcome}`).join(', ');
      lostJobs.push({ what: `tick ${tick} was run by nobody: ${said}`, at });
    }
  }
  return { findings: { duplicates, lostJobs }, run, due };
}
