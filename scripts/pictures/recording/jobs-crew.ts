import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockManager, LockManagerOptions } from '../../../src/index.js';
import { Worker } from '../../../test/grafana/worker.js';
import type { RedisServer } from '../../../test/support/redis-server.js';

/** The workers of a recording. */
export interface Cast extends AsyncDisposable {
  readonly workers: readonly Worker[];
}

interface Job {
  readonly key: string;
  readonly everyMs: number;
  readonly run: (round: number, signal: AbortSignal) => Promise<void>;
}

const between = (least: number, most: number): number => least + Math.random() * (most - least);

async function rest(forMs: number, signal: AbortSignal): Promise<void> {
  await sleep(forMs, undefined, { signal }).catch(() => undefined);
}

/** The tenth round of the reconciliation takes longer than its schedule allows. */
const JOBS: readonly Job[] = [
  { key: 'send-digests', everyMs: 10_000, run: (_, signal) => rest(between(300, 1_500), signal) },
  {
    key: 'sync-prices',
    everyMs: 20_000,
    run: async (round, signal) => {
      await rest(between(1_000, 3_000), signal);
      if (round % 6 === 5) throw new Error('the price service is away');
    },
  },
  {
    key: 'reconcile',
    everyMs: 30_000,
    run: (round, signal) => rest(round % 10 === 9 ? 34_000 : between(6_000, 12_000), signal),
  },
];

/** Workers with three scheduled jobs and an election. */
export class JobsCrew implements Cast {
  readonly #stop = new AbortController();
  readonly #loops: readonly Promise<void>[];

  private constructor(readonly workers: readonly Worker[]) {
    // Each job of each worker listens to it.
    setMaxListeners(0, this.#stop.signal);
    this.#loops = workers.flatMap(({ locks }) => {
      locks.elect('outbox', { ttlMs: 5_000 });
      return JOBS.map((job) => this.#schedule(locks, job));
    });
  }

  static async start(count: number, options: LockManagerOptions): Promise<JobsCrew> {
    const names = Array.from({ length: count }, (_, index) => `worker-${index + 1}`);
    const jobs = JOBS.map(({ key }) => key);
    return new JobsCrew(await Promise.all(names.map((name) => Worker.start(name, jobs, options))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await Promise.all(this.#loops);
  }

  async #schedule(locks: LockManager, { key, everyMs, run }: Job): Promise<void> {
    const schedule = {
      latest: (atMs: number): number => Math.floor(atMs / everyMs) * everyMs,
      next: (afterMs: number): number => (Math.floor(afterMs / everyMs) + 1) * everyMs,
    };
    const perform = async (tick: number): Promise<void> => {
      const options = { key, tick, nextTick: schedule.next(tick), ttlMs: 3_000, spreadMs: 400 };
      const policy = { missed: 'once', abandoned: 'retry', maxLatenessMs: 0.9 * everyMs } as const;
      try {
        await locks.runOnce({ ...options, ...policy }, ({ signal }) => run(tick / everyMs, signal));
      } catch {
        // Runs that fail, and locks that cannot be had, belong to the recording: the events tell them.
      }
    };
    locks.watchTicks({ key, schedule, missed: 'once', abandoned: 'retry' }, perform);
    const runs = new Set<Promise<void>>();
    while (!this.#stop.signal.aborted && !locks.closed) {
      const tick = schedule.next(Date.now());
      await rest(tick - Date.now() + between(0, 100), this.#stop.signal);
      if (this.#stop.signal.aborted || locks.closed) break;
      const running = perform(tick).finally(() => runs.delete(running));
      runs.add(running);
    }
    await Promise.all(runs);
  }
}

const SECOND = 1_000;

/** First a worker ends in the middle of a run. Then three of five nodes hang for 40 seconds. */
export async function jobsFaults(
  servers: readonly RedisServer[],
  { workers }: Cast,
  say: (what: string) => void,
): Promise<void> {
  await sleep(100 * SECOND);
  const holder = await workerWith('reconcile', workers);
  say(`${holder.target.instance} dies in the middle of a run`);
  await holder.stop();
  await sleep(80 * SECOND);
  say('nodes 1, 3 and 5 hang: no quorum');
  const most = [servers[0]!, servers[2]!, servers[4]!];
  for (const server of most) server.pause();
  await sleep(40 * SECOND);
  say('nodes 1, 3 and 5 are back');
  for (const server of most) server.resume();
  await sleep(130 * SECOND);
}

/** Waits until a worker runs the job. */
async function workerWith(key: string, workers: readonly Worker[]): Promise<Worker> {
  const running = workers.map(
    (worker) =>
      new Promise<Worker>((resolve) => {
        worker.locks.subscribe((event) => {
          if (event.type === 'run_started' && event.name === key) resolve(worker);
        });
      }),
  );
  const holder = await Promise.race(running);
  await sleep(2 * SECOND);
  return holder;
}
