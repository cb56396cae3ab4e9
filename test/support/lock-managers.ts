import { LockManager, type LockEvent, type LockManagerOptions, type NodeSource } from '../../src/index.js';
import type { RedisServer } from './redis-server.js';
import { until } from './until.js';

/** For every call that a test expects to succeed: no machine is too slow to reply within this time. */
export const LONG_TIMEOUT = { nodeTimeoutMs: 2_000 } as const;

type Options = Partial<LockManagerOptions> & { readonly servers?: readonly RedisServer[] };

/** Lock managers that are closed together. Their warnings are stored instead of printed. */
export class LockManagers implements AsyncDisposable {
  readonly #all: LockManager[] = [];
  readonly warnings: string[] = [];

  /**
   * A manager over the servers or over `nodes`, not yet connected. Its node timeout suits slow machines. It
   * has no quarantine of fresh servers unless the test asks for it, because it takes a second to find out
   * that they are new.
   */
  make({ servers = [], ...options }: Options): LockManager {
    const nodes: readonly NodeSource[] = servers.map((server) => server.options);
    const warn = (message: string): void => void this.warnings.push(message);
    const locks = new LockManager({ nodes, warn, restartQuarantine: 'off', ...LONG_TIMEOUT, ...options });
    this.#all.push(locks);
    return locks;
  }

  /** A manager with all its nodes connected. */
  async connected(options: Options): Promise<LockManager> {
    const locks = this.make(options);
    await allReady(locks);
    return locks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((locks) => locks.close()));
  }
}

/** All nodes are ready, and a list of nodes is in use: the first use of new nodes needs all of them. */
export async function allReady(locks: LockManager): Promise<void> {
  await until(() => locks.nodes().every(({ status }) => status === 'ready') && hasList(locks), {
    what: 'all nodes to be ready',
  });
}

/** Whether the manager knows which list of nodes is in use. Nodes that keep none vote under its own. */
export function hasList(locks: LockManager): boolean {
  const { epoch, isOwn } = locks.membership();
  return epoch !== undefined || isOwn;
}

/** The events of the manager from now on. */
export function record(locks: LockManager): LockEvent[] {
  const events: LockEvent[] = [];
  locks.subscribe((event) => void events.push(event));
  return events;
}

/** The events of one type. */
export const ofType = <T extends LockEvent['type']>(
  events: readonly LockEvent[],
  type: T,
): Extract<LockEvent, { type: T }>[] =>
  events.filter((event): event is Extract<LockEvent, { type: T }> => event.type === type);

/** The value of a key on each server. Servers that are stopped or down must not be passed. */
export const valuesOf = (servers: readonly RedisServer[], key: string): Promise<(string | null)[]> =>
  Promise.all(
    servers.map(async (server) => {
      const client = server.client();
      try {
        return await client.get(key);
      } finally {
        client.disconnect();
      }
    }),
  );

/** Waits until no server has the key. */
export const untilGone = (servers: readonly RedisServer[], key: string): Promise<boolean> =>
  until(async () => (await valuesOf(servers, key)).every((value) => value === null), {
    what: `${key} to be gone`,
  });

/** The number of times that a server ran the lock's script. */
export async function scriptCalls(server: RedisServer): Promise<number> {
  const client = server.client();
  const stats = await client.info('commandstats');
  client.disconnect();
  const calls = [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}
