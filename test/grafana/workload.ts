import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { LockManager, memoryNode, type LockManagerOptions } from '../../src/index.js';
import { lockMetrics } from '../../src/prometheus/index.js';
import type { ScrapeTarget } from './prometheus-server.js';

/** A lock manager with its metrics, served as a process of its own would. */
class Worker {
  private constructor(
    readonly locks: LockManager,
    private readonly server: Server,
    readonly target: ScrapeTarget,
  ) {}

  static async start(instance: string, nodes: LockManagerOptions['nodes']): Promise<Worker> {
    const register = new Registry();
    const locks = new LockManager({ nodes, warn: () => {} });
    for (const lock of ['report', 'import', 'stock', 'backup']) locks.declare(lock);
    locks.subscribe(lockMetrics({ register }));
    const server = createServer((_request, response) => {
      register.metrics().then(
        (metrics) => response.setHeader('content-type', register.contentType).end(metrics),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new Worker(locks, server, { address: `127.0.0.1:${port}`, instance });
  }

  async stop(): Promise<void> {
    await this.locks.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** The addresses at which the third worker looks for its nodes, and nothing listens. */
export const DEAD_NODES = ['redis://127.0.0.1:1', 'redis://127.0.0.1:2', 'redis://127.0.0.1:3'];

/**
 * Three workers, of which the first two share three nodes in memory and the third reaches none. Again and again, until
 * stopped: a report that one runs while the other is skipped, first as held, then because the tick has run; an import whose
 * lease expires under it; a report that the third cannot run; a stock for which those wait who come second. One backup is held, and extended, all the time.
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
    ];
  }

  static async start(): Promise<Workload> {
    const nodes = ['a', 'b', 'c'].map((name) => memoryNode({ name }));
    return new Workload([
      await Worker.start('first', nodes),
      await Worker.start('second', nodes),
      await Worker.start('cut-off', DEAD_NODES),
    ]);
  }

  get targets(): readonly ScrapeTarget[] {
    return this.workers.map(({ target }) => target);
  }

  /** Rejects with what went wrong in the meantime. */
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
