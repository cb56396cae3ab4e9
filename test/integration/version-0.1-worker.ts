/** A worker with version 0.1 of this package. It claims the ticks that it is told, and tells the outcome. */
import type { NodeSource } from '../../src/index.js';

export interface OldClaim {
  readonly resource: string;
  /** Without one the claim is of the lock alone. */
  readonly tick?: number;
  readonly ttlMs: number;
  readonly afterMs: number;
  readonly waitMs?: number;
  /** The worker keeps the lock, and never extends it. */
  readonly dies?: boolean;
  /** The worker tells that it `holds` the lock, and releases it when it is told to. */
  readonly holds?: boolean;
}

/** Ends the claim that `holds` the lock. */
export interface OldRelease {
  readonly release: string;
}

export interface OldResult {
  readonly resource: string;
  readonly tick?: number | undefined;
  readonly outcome: string;
}

/** Asks for how long, in milliseconds, no vote of a node counts for the worker; 0: its votes count. */
export interface OldLook {
  readonly nodeIndex: number;
}

export interface OldView {
  readonly trustedInMs: number;
}

/** As much of version 0.1 as is used here. */
interface OldManager {
  nodes(): readonly { readonly trustedInMs?: number }[];
  acquire(resource: string, options: object): Promise<{ release(): Promise<void> }>;
}

const [path = '', nodes = '', maxTtlMs = '2000'] = process.argv.slice(2);
const { LockManager } = (await import(path)) as {
  LockManager: new (options: { nodes: NodeSource[]; holder: string; maxTtlMs: number }) => OldManager;
};
const locks = new LockManager({
  nodes: JSON.parse(nodes) as NodeSource[],
  holder: 'old',
  maxTtlMs: Number(maxTtlMs),
});

const releases = new Map<string, () => void>();

async function claim(wish: OldClaim): Promise<string> {
  const { resource, tick, ttlMs, afterMs, waitMs = 0, dies = false, holds = false } = wish;
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  try {
    const lease = await locks.acquire(resource, {
      ttlMs,
      waitMs,
      autoExtend: !dies,
      ...(tick !== undefined && { tick }),
    });
    if (holds) {
      process.send?.({ resource, outcome: 'holds' } satisfies OldResult);
      await new Promise<void>((resolve) => releases.set(resource, resolve));
    }
    if (!dies) await lease.release();
    return 'ran';
  } catch (error) {
    return String((error as { reason?: string }).reason ?? error);
  }
}

process.on('message', (message: OldClaim | OldLook | OldRelease) => {
  if ('release' in message) {
    releases.get(message.release)?.();
    return;
  }
  if ('nodeIndex' in message) {
    const { trustedInMs = 0 } = locks.nodes()[message.nodeIndex]!;
    process.send?.({ trustedInMs } satisfies OldView);
    return;
  }
  const { resource, tick } = message;
  void claim(message).then((outcome) => process.send?.({ resource, tick, outcome } satisfies OldResult));
});
process.send?.('ready');
