/** A worker with version 0.1 of this package. It claims the ticks that it is told, and tells the outcome. */
import type { NodeSource } from '../../src/index.js';

export interface OldClaim {
  readonly resource: string;
  readonly tick: number;
  readonly ttlMs: number;
  readonly afterMs: number;
  /** The worker keeps the lock, and never extends it. */
  readonly dies?: boolean;
}

export interface OldResult {
  readonly resource: string;
  readonly tick: number;
  readonly outcome: string;
}

/** As much of version 0.1 as is used here. */
interface OldManager {
  acquire(resource: string, options: object): Promise<{ release(): Promise<void> }>;
}

const [path = '', nodes = ''] = process.argv.slice(2);
const { LockManager } = (await import(path)) as {
  LockManager: new (options: { nodes: NodeSource[]; holder: string; maxTtlMs: number }) => OldManager;
};
const locks = new LockManager({ nodes: JSON.parse(nodes) as NodeSource[], holder: 'old', maxTtlMs: 2_000 });

async function claim({ resource, tick, ttlMs, afterMs, dies = false }: OldClaim): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  try {
    const lease = await locks.acquire(resource, { tick, ttlMs, autoExtend: !dies });
    if (!dies) await lease.release();
    return 'ran';
  } catch (error) {
    return String((error as { reason?: string }).reason ?? error);
  }
}

process.on('message', (message: OldClaim) => {
  const { resource, tick } = message;
  void claim(message).then((outcome) => process.send?.({ resource, tick, outcome } satisfies OldResult));
});
process.send?.('ready');
