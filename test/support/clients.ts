import {
  LockManager,
  type LockManagerOptions,
  type NodeSnapshot,
  type QuorumUnreachableError,
} from '../../src/index.js';
import type { RedisServer } from './redis-server.js';
import { until } from './until.js';

export const R = 'invoice:7';

/** Longer than any of these tests takes, so that nothing expires by accident. */
export const LONG = { maxTtlMs: 3_600_000, ttlMs: 600_000, autoExtend: false } as const;

/** So short that a quarantine passes within a test. */
export const SHORT = { maxTtlMs: 3_000, ttlMs: 3_000, nodeTimeoutMs: 1_000, autoExtend: true } as const;

/** Managers with the default trust, and with patience for slow machines; closed together. */
export class Clients implements AsyncDisposable {
  readonly #all: LockManager[] = [];
  readonly warnings: string[] = [];

  constructor(private readonly servers: readonly RedisServer[]) {}

  make(options: Partial<LockManagerOptions> = {}): LockManager {
    const locks = new LockManager({
      nodes: this.servers.map((server) => server.options),
      // No machine is too slow to answer within it.
      nodeTimeoutMs: 20_000,
      warn: (message) => void this.warnings.push(message),
      ...LONG,
      ...options,
    });
    this.#all.push(locks);
    return locks;
  }

  /** The same, with all its nodes voting. */
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
  until(() => statuses(locks).every((status) => status === 'ready'), { what: 'all nodes to vote' });

export const untilStatus = (
  locks: LockManager,
  member: number,
  status: NodeSnapshot['status'],
): Promise<boolean> =>
  until(() => statuses(locks)[member] === status, { what: `node ${member} to be ${status}` });

/** What became of an acquisition, in a word or three. */
export const outcomeOf = (acquiring: Promise<unknown>): Promise<string> =>
  acquiring.then(
    () => 'granted',
    (error: QuorumUnreachableError) => `${error.code} ${error.reason}`,
  );

/** As if the node had been too slow to hear of the lock. */
export async function forget(server: RedisServer, resource = R): Promise<void> {
  const client = server.client();
  await client.del(`lock:${resource}`);
  client.disconnect();
}

/** Neither the holder's nodes nor the others can give it to a second one; which it is depends on who answers first, and in time. */
export const NOT_GRANTED = /^(LOCK_NOT_ACQUIRED|QUORUM_UNREACHABLE)/;
