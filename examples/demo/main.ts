import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisServer } from '../../test/support/redis-server.js';
import { check, isClean } from './check.js';
import { Faults, type DemoNode } from './faults.js';
import type { WorkerSettings } from './messages.js';
import { Narrator } from './narrator.js';
import { readOptions, USAGE, type DemoOptions } from './options.js';
import type { LateJob } from './due.js';
import { CATCH_UP_EVERY_MS, endMs, LAST_TICK_MS, planOf, type JobSettings, type Plan } from './plan.js';
import { CATCH_UP_JOB, LEADER_JOB, LONG_JOB, RecordFile, RETRY_JOB, TICK_JOB } from './record.js';
import { Screen, seconds } from './screen.js';
import { isSettled, missingIn, storiesOf } from './stories.js';
import { failuresIn, lastLine, showBusyMachine, showSummary } from './summary.js';
import { WorkerProcess } from './worker-process.js';

const SECOND_MS = 1_000;
const NS_PER_MS = 1e6;
/** If more workers share a processor, some may not ask for the lock within a second while nodes are away. */
const WORKERS_PER_PROCESSOR = 3;
/** A tick of a job that may be late is due if it comes so long before the end. */
const LAST_LATE_TICK_MS = 1_500;
/** How much longer than planned the demo goes on at most, if faults wait for a busy machine. */
const GRACE_MS = 120_000;

/** Runs the demo by the command line. The exit status is 0, 1 for a failure, or 2 for a bad command line. */
export async function main(args: readonly string[]): Promise<void> {
  let options: DemoOptions | 'help';
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options === 'help') return console.log(USAGE);
  leaveNothingBehind();
  process.exitCode = (await demo(options)) ? 0 : 1;
}

/** Makes signals exit this process. Its exit kills its children, see test/support/processes.ts. */
function leaveNothingBehind(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      console.error(`\nended by ${signal}`);
      process.exit(128 + constants.signals[signal]);
    });
  }
  // The reader is gone: `npm run demo | head`.
  process.stdout.once('error', () => process.exit(1));
}

async function demo(options: DemoOptions): Promise<boolean> {
  const screen = new Screen();
  const plan = planOf(options);
  const directory = await mkdtemp(join(tmpdir(), 'quorlock-demo-'));
  // A redis-server that is being killed may still write to its log.
  process.once('exit', () =>
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  );

  announce(screen, options, plan);
  const nodes = await startNodes(options.nodes, directory);
  screen.fact(
    'nodes',
    nodes.map(({ name, server }) => `${name} :${server.port} pid ${server.pid}`).join('  '),
  );
  const narrator = new Narrator(screen, plan.jobs);
  const recordPath = join(directory, 'record.jsonl');
  await writeFile(recordPath, '');
  const record = new RecordFile(recordPath);
  const workers: WorkerProcess[] = [];
  const crash = new AbortController();
  const startWorker = (): WorkerProcess => {
    const majority = Math.floor(nodes.length / 2) + 1;
    const settings: WorkerSettings = {
      name: `worker-${workers.length + 1}`,
      nodes: nodes.map(({ name, server }) => ({ name, host: '127.0.0.1', port: server.port })),
      nodesNeeded: workers.length < options.workers ? nodes.length : majority,
      jobs: plan.jobs,
      recordPath,
    };
    const worker = new WorkerProcess(settings, (from, message) => narrator.hear(from, message));
    void worker.exit.then(() => worker.fault !== undefined && crash.abort());
    workers.push(worker);
    return worker;
  };
  for (let count = 0; count < options.workers; count++) startWorker();
  await Promise.all(workers.map((worker) => worker.ready()));
  await showEndpoints(screen, workers, join(directory, 'prometheus-targets.json'));

  // All workers are ready: from the next tick of the job that catches up, every tick is due.
  const startMs = (Math.floor(Date.now() / CATCH_UP_EVERY_MS) + 1) * CATCH_UP_EVERY_MS;
  screen.line();
  screen.startClock(startMs);
  const faults = new Faults(nodes, workers, narrator, plan.jobs, screen, startWorker);
  const scraping = setInterval(() => scrapeAll(workers), SECOND_MS);
  const delays = monitorEventLoopDelay();
  delays.enable();
  const overMs = await makeFaults(faults, plan, record, crash.signal, startMs, startMs + endMs(options));
  clearInterval(scraping);
  delays.disable();

  const failures = await finish(workers, faults, nodes);
  const runs = record.runs();
  // By the schedule, up to the end, which comes early if a worker crashes.
  const allTicks = Array.from({ length: options.seconds }, (_, index) => startMs + index * SECOND_MS);
  const expectedTicks = allTicks.filter((tick) => tick + LAST_TICK_MS <= overMs);
  const { jobs } = plan;
  const { deaths, outages } = faults;
  const lateJobs = lateJobsOf(jobs, startMs, overMs);
  const findings = check({ runs, kills: deaths, outages, expectedTicks, lateJobs });
  const outcome = {
    runs,
    expectedTicks,
    findings,
    faults: faults.done,
    workers,
    jobs,
    startMs,
    endMs: Date.now(),
  };
  showSummary(screen, outcome);
  for (const story of storiesOf({ runs, deaths, outages, findings, jobs })) screen.line(story);
  failures.push(...failuresIn(findings), ...missingIn({ runs, deaths }));
  for (const failure of failures) screen.line(screen.style(['bold', 'red'], `FAILED: ${failure}`));
  if (failures.length > 0) showBusyMachine(screen, delays.max / NS_PER_MS);
  screen.line(lastLine(outcome));
  return failures.length === 0 && isClean(findings);
}

function announce(screen: Screen, { seconds: duration, workers, nodes }: DemoOptions, plan: Plan): void {
  const { tickTtlMs, longTtlMs, longRunMs, longRetryMs } = plan.jobs;
  screen.line(`quorlock demo: ${nodes} redis-servers, ${workers} Nest workers, ${duration} seconds\n`);
  screen.fact(
    'jobs',
    `${TICK_JOB}: a cron job of a few milliseconds, each second, TTL ${seconds(tickTtlMs)}`,
  );
  screen.fact(
    '',
    `${LONG_JOB}: runs ${seconds(longRunMs)}, TTL ${seconds(longTtlMs)}; ` +
      `all workers try every ${seconds(longRetryMs)}`,
  );
  const { catchUpEveryMs, retryEveryMs, retryRunMs, retryTtlMs, leaderTtlMs } = plan.jobs;
  screen.fact(
    '',
    `${CATCH_UP_JOB}: each ${seconds(catchUpEveryMs)}; a missed tick is run late: missed: 'once'`,
  );
  screen.fact(
    '',
    `${RETRY_JOB}: each ${seconds(retryEveryMs)}, runs ${seconds(retryRunMs)}, TTL ${seconds(retryTtlMs)}; ` +
      "another worker runs it again if its own dies: abandoned: 'retry'",
  );
  screen.fact('', `${LEADER_JOB}: one worker leads, TTL ${seconds(leaderTtlMs)}`);
  for (const note of plan.notes) screen.fact('note', note);
  const processors = availableParallelism();
  if (workers > WORKERS_PER_PROCESSOR * processors) {
    screen.fact(
      'note',
      `${workers} workers share ${processors} processors: ticks may be missed for lack of time`,
    );
  }
}

async function startNodes(count: number, directory: string): Promise<DemoNode[]> {
  const nodes = Array.from({ length: count }, (_, index) => {
    const name = `node-${index + 1}`;
    return { name, server: new RedisServer({ directory: join(directory, name), tcp: true, args: [] }) };
  });
  await Promise.all(nodes.map(({ server }) => server.start()));
  return nodes;
}

/** The jobs whose ticks may be run late, with their ticks from the start to the end. */
function lateJobsOf(jobs: JobSettings, startMs: number, overMs: number): LateJob[] {
  const late = (job: LateJob['job'], everyMs: number, abandoned: LateJob['abandoned']): LateJob => {
    const first = Math.ceil(startMs / everyMs) * everyMs;
    const count = Math.max(0, Math.floor((overMs - LAST_LATE_TICK_MS - first) / everyMs) + 1);
    const ticks = Array.from({ length: count }, (_, index) => first + index * everyMs);
    return { job, ticks, everyMs, maxLatenessMs: everyMs, abandoned };
  };
  return [late(CATCH_UP_JOB, jobs.catchUpEveryMs, 'leave'), late(RETRY_JOB, jobs.retryEveryMs, 'retry')];
}

/** Shows the endpoints, and writes a file for Prometheus' `file_sd_configs`: the ports differ each time. */
async function showEndpoints(screen: Screen, workers: readonly WorkerProcess[], path: string): Promise<void> {
  workers.forEach(({ name, pid, metricsUrl }, index) =>
    screen.fact(index === 0 ? 'workers' : '', `${name} pid ${pid}  ${metricsUrl}`),
  );
  const targets = workers.map(({ name, metricsUrl }) => ({
    targets: [new URL(metricsUrl).host],
    labels: { instance: name },
  }));
  await writeFile(path, JSON.stringify(targets));
  screen.fact('', `for a Prometheus: file_sd_configs: [{ files: ['${path}'] }]`);
}

/** Scrapes all workers. A failure does not matter, because the next scrape follows; in `finish` it does. */
function scrapeAll(workers: readonly WorkerProcess[]): void {
  for (const worker of workers) if (worker.isReady) worker.scrape().catch(() => undefined);
}

/**
 * Makes the faults of the plan, and waits until what must follow has followed. Returns the end: as planned,
 * later on a busy machine, or earlier if a worker ended that was not killed.
 */
async function makeFaults(
  faults: Faults,
  plan: Plan,
  record: RecordFile,
  crash: AbortSignal,
  startMs: number,
  endsMs: number,
): Promise<number> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), endsMs + GRACE_MS - Date.now());
  const over = AbortSignal.any([late.signal, crash]);
  const untilMs = (ms: number): Promise<unknown> =>
    sleep(Math.max(0, ms - Date.now()), undefined, { signal: over }).catch(() => undefined);
  for (const step of plan.steps) {
    await untilMs(startMs + step.atMs);
    if (over.aborted) break;
    await faults.make(step, over);
  }
  await untilMs(endsMs);
  const isOpen = (): boolean =>
    !isSettled({ runs: record.runs(), deaths: faults.deaths }, plan.jobs, Date.now());
  while (!over.aborted && isOpen()) await untilMs(Date.now() + 100);
  clearTimeout(timer);
  return Date.now();
}

/** Ends workers and nodes in order. Returns what went wrong. */
async function finish(
  workers: readonly WorkerProcess[],
  faults: Faults,
  nodes: readonly DemoNode[],
): Promise<string[]> {
  const failures: string[] = [];
  const living = workers.filter(({ alive }) => alive);
  const all = async (act: (worker: WorkerProcess) => Promise<void>): Promise<void> => {
    for (const end of await Promise.allSettled(living.filter(({ alive }) => alive).map(act))) {
      if (end.status === 'rejected') failures.push(String(end.reason));
    }
  };
  await all((worker) => worker.ready());
  await all((worker) => worker.finish());
  await all((worker) => worker.scrape());
  await all((worker) => worker.close());
  await faults.close();
  await Promise.all(nodes.map(({ server }) => server.stop()));
  return [...failures, ...workers.flatMap(({ fault }) => (fault === undefined ? [] : [fault]))];
}
