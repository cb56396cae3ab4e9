/**
 * The child of stalled.test.ts. It holds a lease, and blocks its event loop on demand, as a long computation
 * does. OPTIONS (JSON) are the options of its lock manager.
 */
import { LockManager, type LeaseLostError, type LockManagerOptions } from '../../../src/index.js';

export interface Order {
  readonly do: 'hold' | 'block' | 'release' | 'close';
  readonly forMs?: number;
}

export type Report =
  | { readonly did: 'held'; readonly token: number }
  | { readonly did: 'blocked'; readonly remainingMs: number; readonly lost: string | undefined }
  | { readonly did: 'extended' }
  | { readonly did: 'stalled'; readonly delayMs: number }
  | { readonly did: 'warned'; readonly message: string }
  | { readonly did: 'released' }
  | { readonly did: 'closed' };

const tell = (report: Report): void => void process.send?.(report);
const word = new Int32Array(new SharedArrayBuffer(4));

const locks = new LockManager({
  ...(JSON.parse(process.env['OPTIONS'] ?? '{}') as LockManagerOptions),
  warn: (message) => tell({ did: 'warned', message }),
});
locks.subscribe((event) => {
  if (event.type === 'stalled') tell({ did: 'stalled', delayMs: event.delayMs });
  if (event.type === 'extended' && event.outcome === 'extended') tell({ did: 'extended' });
});
const lease = await locks.acquire('job', { waitMs: 20_000 });

const orders: Record<Order['do'], (order: Order) => void | Promise<void>> = {
  hold: () => tell({ did: 'held', token: lease.token }),
  block: ({ forMs = 0 }) => {
    Atomics.wait(word, 0, 0, forMs);
    const { aborted, reason } = lease.signal;
    tell({
      did: 'blocked',
      remainingMs: lease.remainingMs(),
      lost: aborted ? (reason as LeaseLostError).reason : undefined,
    });
  },
  release: async () => {
    await lease.release();
    tell({ did: 'released' });
  },
  close: async () => {
    await locks.close();
    tell({ did: 'closed' });
    process.channel?.unref();
  },
};

process.on('message', (order: Order) => void orders[order.do](order));
