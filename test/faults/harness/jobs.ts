import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager, type PastRun } from '../../../src/index.js';
import { startChild, type Child } from '../../support/child.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { checkJobs, type CheckedJobs } from './check-jobs.js';
import { JOBS, TICK_MS, type JobRecord } from './job-records.js';
import { between, randomOf } from './random.js';
import { nowMs } from './records.js';

export interface JobTerms {
  readonly seed: number;
  readonly workers: number;
  /** Asked after each kill: whether that was enough. */
  readonly isEnough: (checked: CheckedJobs) => boolean;
  readonly say: (line: string) => void;
}

interface Slot {
  generation: number;
  name: string;
  worker: Child;
}

/** The milliseconds from a tick to the kill: while the tick is claimed, in the body, or at its end. */
const STEPS = [
  [-20, 30],
  [0, 400],
  [0, 1_000],
] as const;

/** The part of the kills that go to a worker in the middle of a run, if there is one. */
const AIMED = 0.7;

/**
 * Runs both jobs on real processes and real servers, and kills workers with SIGKILL at random steps of their
 * runs; another one comes up in its place. At the end it compares what the workers wrote down with the rules,
 * and with the history that the nodes have kept.
 */
export async function runJobs({ seed, workers, isEnough, say }: JobTerms): Promise<CheckedJobs> {
  const random = randomOf(seed);
  const folder = mkdtempSync(join(tmpdir(), 'quorlock-jobs-'));
  const record = join(folder, 'record.jsonl');
  await using redis = await startRedis({ count: 3 });
  const nodes = redis.servers.map(({ options }) => options);
  const start = (index: number, generation: number): Slot => {
    const name = `w${index + 1}.${generation}`;
    const env = { NODES: JSON.stringify(nodes), RECORD: record, NAME: name };
    return { generation, name, worker: startChild(new URL('./job-worker.ts', import.meta.url), { env }) };
  };
  const read = (): JobRecord[] => recordsIn(record);
  const slots = Array.from({ length: workers }, (_, index) => start(index, 1));
  try {
    await Promise.all(slots.map(({ worker }) => worker.message()));
    say(`3 redis-servers, ${workers} workers, ${JOBS.length} jobs with a tick in every second`);
    let checked = checkJobs(read());
    for (let kills = 0; !isEnough(checked) && checked.findings.length === 0; kills++) {
      const [least, most] = STEPS[Math.floor(random() * STEPS.length)]!;
      await sleep(TICK_MS - (Date.now() % TICK_MS) + between(random, least, most));
      const busy = busyWorkerIn(read());
      // One of those that are up lives on.
      const up = await until(() => {
        const found = slots.filter(({ worker }) => worker.messages.length > 0);
        return found.length > 1 ? found : undefined;
      });
      const aimed = random() < AIMED ? up.find(({ name }) => name === busy) : undefined;
      const victim = aimed ?? up[Math.floor(random() * up.length)]!;
      const { name, generation, worker } = victim;
      await worker.kill();
      appendFileSync(record, `${JSON.stringify({ type: 'killed', at: nowMs(), worker: name })}\n`);
      const index = slots.indexOf(victim);
      slots[index] = start(index, generation + 1);
      checked = checkJobs(read());
      if (kills % 20 === 19) say(figuresOf(checked));
    }
    await using locks = new LockManager({ nodes, nodeTimeoutMs: 2_000, warn: () => undefined });
    await locks.started();
    const [once, again] = await until(() => Promise.all(JOBS.map((job) => locks.history(job))));
    await Promise.all(slots.map(({ worker }) => worker.kill()));
    const records = read();
    const wrong = [once, again].flatMap((runs = []) => unknownRunsIn(runs, records));
    const last = checkJobs(records);
    return { ...last, findings: [...last.findings, ...wrong] };
  } finally {
    await Promise.all(slots.map(({ worker }) => worker.kill()));
    rmSync(folder, { recursive: true });
  }
}

/** A worker may have been killed in the middle of a line: the next one of another worker follows on it. */
function recordsIn(file: string): JobRecord[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JobRecord);
}

/** The worker of the run that began last, unless it has ended. */
function busyWorkerIn(records: readonly JobRecord[]): string | undefined {
  const last = records.findLast(({ type }) => type === 'began' || type === 'ended');
  return last?.type === 'began' ? last.worker : undefined;
}

/** What the nodes tell of runs must be what the workers wrote down. */
function unknownRunsIn(runs: readonly PastRun[], records: readonly JobRecord[]): string[] {
  const ended = new Set(
    records.flatMap((one) =>
      one.type === 'ended' ? [`${one.worker} ${one.tick} ${one.attempt} ${one.type}`] : [],
    ),
  );
  return runs
    .filter(({ outcome }) => outcome === 'succeeded')
    .map(({ worker, tick, attempt }) => `${worker} ${tick} ${attempt} ended`)
    .filter((run) => !ended.has(run))
    .map((run) => `the history has a run that no worker ended: ${run}`);
}

/** The figures in one machine-readable line. */
export function figuresOf({ kills, jobs, findings }: CheckedJobs): string {
  const ofJob = JOBS.map((job) => {
    const { due, succeeded, died, again } = jobs[job];
    return `${job}_due=${due} ${job}_succeeded=${succeeded} ${job}_died=${died} ${job}_again=${again}`;
  });
  return `runs: kills=${kills} ${ofJob.join(' ')} wrong=${findings.length}`;
}
