/**
 * The child process of processes.test.ts: a lock manager on the nodes in NODES (JSON), which executes orders.
 * Only the lock manager keeps the process alive; the process ends when the manager has closed.
 */
import { LockManager, type Lease } from '../../src/index.js';

export interface Order {
  readonly do: 'hold' | 'storm' | 'calm' | 'close';
  readonly ttlMs?: number;
}

export type Report =
  | { readonly did: 'held'; readonly token: number }
  | { readonly did: 'lost'; readonly reason: string }
  /** The first of its kind in a storm. */
  | { readonly did: 'won' | 'failed' }
  | { readonly did: 'calmed'; readonly won: number; readonly failed: number; readonly unhandled: string[] }
  | { readonly did: 'closed'; readonly unhandled: string[] };

const report = (message: Report): void => void process.send?.(message);

const unhandled: string[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(`rejection: ${String(reason)}`));
process.on('uncaughtException', (error) => unhandled.push(`exception: ${String(error)}`));

const locks = new LockManager({
  nodes: JSON.parse(process.env['NODES'] ?? '[]') as string[],
  restartQuarantine: 'off',
  warn: () => undefined,
});

async function hold(ttlMs: number): Promise<void> {
  const lease = await locks.acquire('job', { ttlMs, waitMs: 20_000 });
  // Nothing listens to the signal: a loss must not end the process.
  report({ did: 'held', token: lease.token });
  const timer = setInterval(() => {
    if (!lease.signal.aborted) return;
    clearInterval(timer);
    report({ did: 'lost', reason: (lease.signal.reason as { reason: string }).reason });
  }, 10);
  timer.unref();
}

let storming = true;
let won = 0;
let failed = 0;

/** Uses many features at once, and ignores all errors. */
async function storm(resource: string): Promise<void> {
  while (storming) {
    try {
      await locks.withLock(resource, { ttlMs: 150, waitMs: 100, retryDelayMs: 20 }, async (lease: Lease) => {
        await lease.extend().catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 40));
      });
      if (won++ === 0) report({ did: 'won' });
    } catch {
      if (failed++ === 0) report({ did: 'failed' });
    }
    const lease = await locks.tryAcquire(`${resource}:left`, { ttlMs: 60 }).catch(() => null);
    // An unreleased lease extends itself until it is lost or the manager is closed.
    if (lease !== null && Math.random() < 0.8) void lease.release();
  }
}

let storms: Promise<unknown> = Promise.resolve();

const orders: Record<Order['do'], (order: Order) => Promise<void>> = {
  hold: ({ ttlMs = 30_000 }) => hold(ttlMs),
  storm: () => {
    storms = Promise.all(Array.from({ length: 8 }, (_, index) => storm(`storm:${index % 4}`)));
    return Promise.resolve();
  },
  calm: async () => {
    storming = false;
    await storms;
    report({ did: 'calmed', won, failed, unhandled });
  },
  close: async () => {
    await locks.close();
    report({ did: 'closed', unhandled });
    // From here on only the lock manager can keep the process alive.
    process.channel?.unref();
  },
};

process.on('message', (order: Order) => void orders[order.do](order));
