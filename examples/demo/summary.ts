import type { Findings, Pair } from './check.js';
import type { Fault } from './faults.js';
import { sumOf } from './metrics.js';
import type { JobSettings } from './plan.js';
import { LONG_JOB, TICK_JOB, type Run } from './record.js';
import { clockTime, seconds, type Screen } from './screen.js';
import type { WorkerProcess } from './worker-process.js';

/** All that the summary needs. */
export interface Outcome {
  readonly runs: readonly Run[];
  readonly expectedTicks: readonly number[];
  readonly findings: Findings;
  readonly faults: readonly Fault[];
  readonly workers: readonly WorkerProcess[];
  readonly jobs: JobSettings;
  /** When the first tick was due, and when all was over, in epoch milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
}

export function showSummary(screen: Screen, outcome: Outcome): void {
  showWorkers(screen, outcome);
  showHolders(screen, outcome);
  showFaults(screen, outcome);
  screen.line();
}

/** The one line that programs read. Its counters are sums of the workers' metrics at the last scrape. */
export function lastLine({ findings, workers }: Outcome): string {
  const total = (name: string, labels?: Record<string, string>): number =>
    workers.reduce((sum, { metrics }) => sum + sumOf(metrics, name, labels), 0);
  const figures = {
    ticks: findings.ticks,
    runs: findings.runs,
    duplicates: findings.duplicates.length,
    missed: findings.missed.length,
    skipped: total('quorlock_skipped_total'),
    expired: total('quorlock_expired_total'),
    extensions: total('quorlock_extensions_total', { outcome: 'extended' }),
    overlaps: findings.overlaps.length,
  };
  const text = Object.entries(figures).map(([name, value]) => `${name}=${value}`);
  return `demo: ${text.join(' ')}`;
}

/** What happened and must not happen, one line each. */
export function failuresIn({ duplicates, missed, overlaps, regressions, unended }: Findings): string[] {
  const name = ({ worker, token }: Run): string => `${worker} (token ${token})`;
  const pair = ({ earlier, later }: Pair): string => `${name(later)} after ${name(earlier)}`;
  return [
    ...duplicates.map((run) => `the tick ${clockTime(run.tick ?? 0)} ran again, on ${name(run)}`),
    ...missed.map((tick) => `the tick ${clockTime(tick)} did not run`),
    ...overlaps.map((two) => `two bodies of ${two.later.job} at once, ${extentOf(two)}: ${pair(two)}`),
    ...regressions.map((two) => `the fencing token of ${two.later.job} did not grow: ${pair(two)}`),
    ...unended.map((run) => `a run of ${run.job} never ended: ${name(run)}`),
  ];
}

function extentOf({ earlier, later }: Pair): string {
  if (earlier.endedAt === undefined) return 'the first never ended';
  return `the second began ${(earlier.endedAt - later.startedAt).toFixed(1)} ms before the first ended`;
}

function showWorkers(screen: Screen, { workers, runs, faults }: Outcome): void {
  const isDead = (name: string): boolean => faults.some(({ kill }) => kill?.worker === name);
  const rows = workers.map(({ name, metrics }) => {
    const own = runs.filter(({ worker }) => worker === name);
    return [
      isDead(name) ? `${name} (killed)` : name,
      own.filter(({ job }) => job === TICK_JOB).length,
      sumOf(metrics, 'quorlock_skipped_total', { lock: TICK_JOB }),
      own.filter(({ job }) => job === LONG_JOB).length,
      sumOf(metrics, 'quorlock_skipped_total', { lock: LONG_JOB }),
      sumOf(metrics, 'quorlock_extensions_total', { outcome: 'extended' }),
      sumOf(metrics, 'quorlock_expired_total'),
      sumOf(metrics, 'quorlock_failed_total'),
    ];
  });
  const head = ['worker', 'ticks run', 'skipped', 'long runs', 'skipped', 'extensions', 'lost', 'failed'];
  screen.table('What the workers did', head, rows);
}

function showHolders(screen: Screen, { runs, faults, jobs, startMs }: Outcome): void {
  const rows = longRuns(runs).map((run) => {
    const kill = faults.find((fault) => fault.kill?.worker === run.worker)?.kill;
    const isKilled = run.endedAt === undefined && kill !== undefined;
    const heldMs = (run.endedAt ?? kill?.at ?? Number.NaN) - run.startedAt;
    return [
      run.worker,
      run.token,
      seconds(run.startedWallMs - startMs),
      seconds(heldMs),
      (heldMs / jobs.longTtlMs).toFixed(1),
      isKilled ? 'killed' : (run.outcome ?? 'never'),
    ];
  });
  screen.table(`Holders of ${LONG_JOB}, with a TTL of ${seconds(jobs.longTtlMs)}`, HOLDER_COLUMNS, rows);
}

const HOLDER_COLUMNS = ['holder', 'fencing token', 'from', 'for', 'TTLs', 'end'];

function showFaults(screen: Screen, outcome: Outcome): void {
  const { faults, startMs, endMs, expectedTicks } = outcome;
  const rows = faults.map((fault) => {
    const toMs = fault.kill === undefined ? (fault.toMs ?? endMs) : takeoverMs(outcome, fault);
    return [
      seconds(fault.fromMs - startMs),
      fault.what,
      seconds(toMs - fault.fromMs),
      costOf(
        outcome,
        expectedTicks.filter((tick) => tick >= fault.fromMs && tick < toMs),
        fault,
      ),
    ];
  });
  const quiet = expectedTicks.filter(
    (tick) => !faults.some(({ fromMs, toMs }) => tick >= fromMs && tick < (toMs ?? endMs)),
  );
  rows.push(['', 'no node or worker away', '', costOf(outcome, quiet)]);
  screen.table('Faults, and what they cost', ['at', 'fault', 'for', 'cost'], rows);
  for (const tick of outcome.findings.ownTicks) {
    screen.line(`  The tick ${clockTime(tick)} did not run: the worker that was killed had just claimed it.`);
  }
}

function costOf(outcome: Outcome, ticks: readonly number[], fault?: Fault): string {
  const { runs, findings } = outcome;
  const notRun = [...findings.missed, ...findings.ownTicks];
  const delays = runs.flatMap(({ tick, startedWallMs }) =>
    tick !== null && ticks.includes(tick) ? [startedWallMs - tick] : [],
  );
  const slowest = delays.length === 0 ? '' : `, the slowest began after ${Math.max(...delays)} ms`;
  const missedCount = ticks.filter((tick) => notRun.includes(tick)).length;
  const missed = `${missedCount} of ${ticks.length} ticks not run${slowest}`;
  const takeover = fault?.kill === undefined ? undefined : takeoverOf(outcome.runs, fault);
  return takeover === undefined ? missed : `${missed}; ${LONG_JOB} went to ${takeover.worker}`;
}

const longRuns = (runs: readonly Run[]): Run[] =>
  runs.filter(({ job }) => job === LONG_JOB).sort((a, b) => a.startedAt - b.startedAt);

/** The first run of the long job after its holder was killed. */
export const takeoverOf = (runs: readonly Run[], { kill }: Fault): Run | undefined =>
  kill === undefined ? undefined : longRuns(runs).find(({ startedAt }) => startedAt > kill.at);

const takeoverMs = ({ runs, endMs }: Outcome, fault: Fault): number =>
  takeoverOf(runs, fault)?.startedWallMs ?? endMs;
