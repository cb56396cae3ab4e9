import { setTimeout as sleep } from 'node:timers/promises';
import { memoryNode, type LockManager } from '../../src/index.js';
import type { ScrapeTarget } from './prometheus-server.js';
import { Worker } from './worker.js';

const LOCKS = ['report', 'import', 'stock', 'backup'];

/** A tick every half second. */
const HALF_SECONDS = {
  latest: (atMs: number): number => Math.floor(atMs / 500) * 500,
  next: (afterMs: number): number => (Math.floor(afterMs / 500) + 1) * 500,
};

const JOBS: readonly { readonly key: string; readonly routine: () => Promise<void> }[] = [
  { key: 'digest', routine: () => sleep(10) },
  {
    key: 'sync',
    routine: async () => {
      throw new Error('the job that fails');
    },
  },
  { key: 'slow', routine: () => sleep(600) },
];

/** The addresses of the third worker's nodes. Nothing listens there. */
export const DEAD_NODES = ['redis://127.0.0.1:1', 'redis://127.0.0.1:2', 'redis://127.0.0.1:3'];

/**
 * Three workers. The first two share three nodes in memory, and the third reaches none of its nodes. Until
 * stopped, they repeat these jobs:
 *
 * - report: one worker runs it, and the other is skipped, as held and then because the tick has run. The
 *   third worker cannot run it.
 * - import: it takes too long and loses its lease.
 * - stock: three calls want it at once, so two of them wait.
 * - digest, sync, slow: scheduled jobs with a tick every half second. sync fails, and slow goes on at the
 *   next tick.
 *
 * A backup is held and extended all the time, and one of the first two leads the outbox.
 */
export class Workload {
  #running = true;
  readonly #loops: readonly Promise<void>[];

  private constructor(private readonly workers: readonly [Worker, Worker, Worker]) {
    const [first, second, cutOff] = workers.map(({ locks }) => locks) as [
      LockManager,
      LockManager,
      LockManager,
    ];
    this.#loops = [
      this.#again((round) => reportAndSkip(first, second, round)),
      this.#again(() => importTooSlowly(second)),
      this.#again(() => failToReport(cutOff)),
      this.#again(() => shareStock([first, first, second])),
      this.#holdBackup(second),
      ...JOBS.map(({ key, routine }) => this.#schedule([first, second], key, routine)),
    ];
    for (const locks of [first, second]) locks.elect('outbox');
  }

  static async start(): Promise<Workload> {
    const nodes = ['a', 'b', 'c'].map((name) => memoryNode({ name }));
    return new Workload([
      await Worker.start('first', LOCKS, { nodes }),
      await Worker.start('second', LOCKS, { nodes }),
      await Worker.start('cut-off', LOCKS, { nodes: DEAD_NODES }),
    ]);
  }

  get targets(): readonly ScrapeTarget[] {
    return this.workers.map(({ target }) => target);
  }

  /** Stops all workers. Rejects if something went wrong in the meantime. */
  async stop(): Promise<void> {
    this.#running = false;
    const ends = await Promise.allSettled(this.#loops);
    await Promise.all(this.workers.map((worker) => worker.stop()));
    const failure = ends.find((end) => end.status === 'rejected');
    if (failure) throw new Error('the workload went wrong', { cause: failure.reason });
  }

  async #again(once: (round: number) => Promise<void>): Promise<void> {
    for (let round = 1; this.#running; round++) {
      await once(round);
      await sleep(50);
    }
  }

  async #schedule(all: readonly LockManager[], key: string, routine: () => Promise<void>): Promise<void> {
    for (const locks of all) locks.watchTicks({ key, schedule: HALF_SECONDS }, () => undefined);
    await this.#again(async () => {
      const tick = HALF_SECONDS.latest(Date.now());
      const run = { key, tick, nextTick: HALF_SECONDS.next(tick) };
      await Promise.allSettled(all.map((locks) => locks.runOnce(run, routine)));
    });
  }

  async #holdBackup(locks: LockManager): Promise<void> {
    await locks.withLock('backup', { name: 'backup', ttlMs: 6_000 }, async () => {
      while (this.#running) await sleep(20);
    });
  }
}

async function reportAndSkip(first: LockManager, second: LockManager, tick: number): Promise<void> {
  const options = { name: 'report', tick };
  await first.withLock('report', options, async () => {
    if (await second.tryAcquire('report', { name: 'report' })) throw new Error('two workers hold the report');
    await sleep(10);
  });
  if (await second.tryAcquire('report', options)) throw new Error('the report ran twice for one tick');
}

async function importTooSlowly(locks: LockManager): Promise<void> {
  const lease = await locks.acquire('import', { name: 'import', ttlMs: 300, autoExtend: false });
  while (!lease.signal.aborted) await sleep(10);
}

async function shareStock(all: readonly LockManager[]): Promise<void> {
  const options = { name: 'stock', waitMs: 60_000 };
  await Promise.all(all.map((locks) => locks.withLock('stock', options, () => sleep(20))));
}

async function failToReport(locks: LockManager): Promise<void> {
  const lease = await locks.tryAcquire('report', { name: 'report' }).catch(() => undefined);
  if (lease !== undefined) throw new Error('a worker without nodes got an answer');
}
