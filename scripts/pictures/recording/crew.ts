import { setTimeout as sleep } from 'node:timers/promises';
import type { LockManager, LockManagerOptions } from '../../../src/index.js';
import { LockError } from '../../../src/index.js';
import { Worker } from '../../../test/grafana/worker.js';

const LOCKS = ['report', 'invoice', 'stock', 'backup', 'import'];
const TICK_MS = 5_000;

/** A random number between the two. */
const between = (least: number, most: number): number => least + Math.random() * (most - least);

/**
 * Workers with jobs that repeat until they are stopped: a report each five seconds that one worker runs,
 * invoices, a stock for which they wait, a backup that takes a minute, and an import that sometimes outlives
 * its lease.
 */
export class Crew implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #jobs: readonly Promise<void>[];

  private constructor(readonly workers: readonly Worker[]) {
    this.#jobs = workers.flatMap(({ locks }, index) => [
      this.#again(() => report(locks)),
      this.#again(() => writeInvoice(locks)),
      this.#again(() => takeFromStock(locks)),
      this.#again(() => backUp(locks, this.#stop.signal)),
      ...(index === 0 ? [this.#again(() => importTooSlowly(locks))] : []),
    ]);
  }

  static async start(count: number, options: LockManagerOptions): Promise<Crew> {
    const names = Array.from({ length: count }, (_, index) => `worker-${index + 1}`);
    return new Crew(await Promise.all(names.map((name) => Worker.start(name, LOCKS, options))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#jobs);
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  /** Repeats the job. A lock that cannot be acquired is expected: the recording has faults. */
  async #again(job: () => Promise<unknown>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await job();
      } catch (error) {
        if (!(error instanceof LockError)) throw error;
        await sleep(between(1_000, 3_000));
      }
    }
  }
}

async function report(locks: LockManager): Promise<void> {
  const tick = (Math.floor(Date.now() / TICK_MS) + 1) * TICK_MS;
  // Clocks and timers of real machines differ a little.
  await sleep(tick - Date.now() + between(0, 600));
  const lease = await locks.tryAcquire('report', { name: 'report', tick });
  if (lease === null) return;
  await sleep(between(200, 500));
  await lease.release();
}

async function writeInvoice(locks: LockManager): Promise<void> {
  const invoice = `invoice:${Math.floor(between(0, 8))}`;
  await locks.withLock(invoice, { name: 'invoice', waitMs: 5_000 }, () => sleep(between(30, 150)));
  await sleep(between(2_000, 5_000));
}

async function takeFromStock(locks: LockManager): Promise<void> {
  const orders = Array.from({ length: Math.floor(between(1, 4)) }, () =>
    locks.withLock('stock', { name: 'stock', waitMs: 20_000 }, () => sleep(between(50, 250))),
  );
  const ends = await Promise.allSettled(orders);
  await sleep(between(2_000, 6_000));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function backUp(locks: LockManager, stop: AbortSignal): Promise<void> {
  await sleep(between(1_000, 4_000));
  const lease = await locks.tryAcquire('backup', { name: 'backup', ttlMs: 6_000 });
  if (lease === null) return sleep(8_000);
  const end = Date.now() + 60_000;
  while (Date.now() < end && !stop.aborted && !lease.signal.aborted) await sleep(100);
  await lease.release();
  await sleep(10_000);
}

async function importTooSlowly(locks: LockManager): Promise<void> {
  const lease = await locks.acquire('import', { name: 'import', ttlMs: 3_000, autoExtend: false });
  await sleep(Math.random() < 0.12 ? 3_500 : between(300, 1_500));
  await lease.release();
  await sleep(between(5_000, 9_000));
}
