import type { Findings, Pair } from './check.js';
import type { Fault } from './faults.js';
import { sumOf } from './metrics.js';
import type { JobSettings } from './plan.js';
import { LONG_JOB, TICK_JOB, type Run } from './record.js';
import { sequelOf } from './stories.js';
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

/** The demo's own timers are this late, in ms, where the machine is too busy for TTLs below a second. */
const BUSY_MS = 250;

/** After a failure: tells of a busy machine. `delayMs` is how late the demo's own timers were at most. */
export function showBusyMachine(screen: Screen, delayMs: number): void {
  if (delayMs < BUSY_MS) return;
  screen.line(
    `note: this machine was busy: the demo's own timers were up to ${Math.round(delayMs)} ms late, and the ` +
      'shortest TTL is below a second. Run it again when nothing else runs.',
  );
}

/** The one line that programs read. Its counters are sums of the workers' metrics at the last scrape. */
export function lastLine({ findings, workers }: Outcome): string {
  const total = (name: string, labels?: Record<string, string>): number =>
    workers.reduce((sum, { metrics }) => sum + sumOf(metrics, name, labels), 0);
  const figures = {
    ticks: findings.ticks,
    runs: findings.runs,
    duplicates: findings.duplicates.length,
    missed: findings.missed.length + findings.unrun.length,
    skipped: total('quorlock_skipped_total'),
    expired: total('quorlock_expired_total'),
    extensions: total('quorlock_extensions_total', { outcome: 'extended' }),
    overlaps: findings.overlaps.length,
    caught_up: findings.caughtUp.length,
    retried: findings.retried.length,
  };
  const text = Object.entries(figures).map(([name, value]) => `${name}=${value}`);
  return `demo: ${text.join(' ')}`;
}

/** What happened and must not happen, one line each. */
export function failuresIn(findings: Findings): string[] {
  const { duplicates, missed, unrun, backlog, attempts, overlaps, regressions, unended } = findings;
  const name = ({ worker, token }: Run): string => `${worker} (token ${token})`;
  const pair = ({ earlier, later }: Pair): string => `${name(later)} after ${name(earlier)}`;
  return [
    ...duplicates.map((run) => `${tickOf(run)} ran again, on ${name(run)}`),
    ...missed.map((tick) => `the tick ${clockTime(tick)} did not run`),
    ...unrun.map((due) => `${tickOf(due)} was due and did not succeed`),
    ...backlog.map((run) => `${tickOf(run)} ran after a later one had come, on ${name(run)}`),
    ...attempts.map((two) => `the attempt at ${tickOf(two.later)} did not grow: ${pair(two)}`),
    ...overlaps.map((two) => `two bodies of ${two.later.job} at once, ${extentOf(two)}: ${pair(two)}`),
    ...regressions.map((two) => `the fencing token of ${two.later.job} did not grow: ${pair(two)}`),
    ...unended.map((run) => `a run of ${run.job} never ended: ${name(run)}`),
  ];
}

const tickOf = ({ job, tick }: Pick<Run, 'job' | 'tick'>): string =>
  `the tick ${clockTime(tick ?? 0)} of ${job}`;

function extentOf({ earlier, later }: Pair): string {
  if (earlier.heldUntil === undefined) return 'the first never ended';
  return `the second began ${(earlier.heldUntil - later.startedAt).toFixed(1)} ms before the first ended`;
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
  const { away } = outcome.findings;
  if (away.length > 0) {
    screen.line(
      `  Not due, because no majority was up: ${away.length} of ${TICK_JOB}. Its policy is missed: 'skip'.`,
    );
  }
}

function costOf(outcome: Outcome, ticks: readonly number[], fault?: Fault): string {
  const { runs, findings } = outcome;
  const notRun = [...findings.missed, ...findings.ownTicks, ...findings.away];
  const delays = runs.flatMap(({ job, tick, startedWallMs }) =>
    job === TICK_JOB && tick !== null && ticks.includes(tick) ? [startedWallMs - tick] : [],
  );
  const slowest = delays.length === 0 ? '' : `, the slowest began after ${Math.max(...delays)} ms`;
  const missedCount = ticks.filter((tick) => notRun.includes(tick)).length;
  const missed = `${missedCount} of ${ticks.length} ticks not run${slowest}`;
  const kill = fault?.kill;
  const takeover = kill && sequelOf(outcome.runs, kill);
  return takeover === undefined ? missed : `${missed}; ${takeover.job} went to ${takeover.worker}`;
}

const longRuns = (runs: readonly Run[]): Run[] =>
  runs.filter(({ job }) => job === LONG_JOB).sort((a, b) => a.startedAt - b.startedAt);

const takeoverMs = ({ runs, endMs }: Outcome, { kill }: Fault): number =>
  (kill && sequelOf(runs, kill)?.startedWallMs) ?? endMs;
