import {
  LockManager,
  type LockManagerOptions,
  type NodeSnapshot,
  type QuorumUnreachableError,
} from '../../src/index.js';
import type { RedisServer } from './redis-server.js';
import { hasList } from './lock-managers.js';
import { until } from './until.js';

export const R = 'invoice:7';

/** A TTL longer than any of these tests, so that nothing expires by accident. */
const LONG = { maxTtlMs: 3_600_000, ttlMs: 600_000, autoExtend: false } as const;

/**
 * The bound of a quarantine is so short that it passes within a test. A lease lives for longer, so that it
 * outlasts a machine that does not run this process for seconds.
 */
export const SHORT = { maxTtlMs: 3_000, ttlMs: 6_000, nodeTimeoutMs: 1_000, autoExtend: true } as const;

/** Managers with the default trust and timeouts for slow machines. They are closed together. */
export class Clients implements AsyncDisposable {
  readonly #all: LockManager[] = [];
  readonly warnings: string[] = [];

  constructor(private readonly servers: readonly RedisServer[]) {}

  make(options: Partial<LockManagerOptions> = {}): LockManager {
    const locks = new LockManager({
      nodes: this.servers.map((server) => server.options),
      // No machine is too slow to reply within this time.
      nodeTimeoutMs: 2_000,
      warn: (message) => void this.warnings.push(message),
      ...LONG,
      ...options,
    });
    this.#all.push(locks);
    return locks;
  }

  /** A manager with votes from all its nodes. */
  async ready(options: Partial<LockManagerOptions> = {}): Promise<LockManager> {
    const locks = this.make(options);
    await allVote(locks);
    return locks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((locks) => locks.close()));
  }
}

export const statuses = (locks: LockManager): NodeSnapshot['status'][] =>
  locks.nodes().map(({ status }) => status);

export const allVote = (locks: LockManager): Promise<boolean> =>
  until(() => statuses(locks).every((status) => status === 'ready') && hasList(locks), {
    what: 'all nodes to vote',
  });

export const untilStatus = (
  locks: LockManager,
  nodeIndex: number,
  status: NodeSnapshot['status'],
): Promise<boolean> =>
  until(() => statuses(locks)[nodeIndex] === status, { what: `node ${nodeIndex} to be ${status}` });

/** The result of an acquire in up to three words. */
export const outcomeOf = (acquiring: Promise<unknown>): Promise<string> =>
  acquiring.then(
    () => 'granted',
    (error: QuorumUnreachableError) => `${error.code} ${error.reason}`,
  );

/** Deletes the lock's key, as if the node had been too slow to receive the request. */
export async function forget(server: RedisServer, resource = R): Promise<void> {
  const client = server.client();
  await client.del(`lock:${resource}`);
  client.disconnect();
}

/**
 * A resource that is held is not granted to a second holder. The error depends on what nodes reply first, and
 * in time.
 */
export const NOT_GRANTED = /^(LOCK_NOT_ACQUIRED|QUORUM_UNREACHABLE)/;
