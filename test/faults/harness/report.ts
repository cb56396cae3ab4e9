import type { RunResult } from './run.js';

/** Prints what a run found, with the machine-readable line last. Gives whether the run was good. */
export function report(result: RunResult, say: (line: string) => void): boolean {
  const { findings, acquired, refused, lost, writes, refusedWrites, ticksRun, ticksDue, seconds } = result;
  for (const [kind, found] of Object.entries(findings)) {
    for (const { what, at, ms } of found.slice(0, 10)) {
      const figure = ms === undefined ? '' : `: ${ms.toFixed(1)} ms`;
      say(`${kind} at ${((at - result.startedAt) / 1_000).toFixed(1)} s: ${what}${figure}`);
    }
    if (found.length > 10) say(`${kind}: ${found.length - 10} more`);
  }
  say(
    `${acquired} leases acquired, ${refused} refused, ${lost} reported as lost; ${writes} writes, ` +
      `${refusedWrites} of them refused by the fenced store; ` +
      `${ticksRun} ticks run; ${ticksDue} ticks had to be run`,
  );
  const figures = {
    seconds: Math.round(seconds),
    acquired,
    overlaps: findings.overlaps.length,
    stale_writes: findings.staleWrites.length,
    late_losses: findings.lateLosses.length,
    lost_jobs: findings.lostJobs.length,
    leaked: findings.leaked.length,
    hung: findings.hung.length,
    duplicates: findings.duplicates.length,
    token_regressions: findings.tokenRegressions.length,
    late_acquires: findings.lateAcquires.length,
    crashes: findings.crashes.length,
  };
  say(
    `faults: ${Object.entries(figures)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
  );
  return acquired > 0 && Object.values(findings).every((found: readonly unknown[]) => found.length === 0);
}
