import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

const SLOTS = 16_384;

export interface StartClusterOptions {
  readonly masters?: number;
  /** Whether each master gets a replica. */
  readonly replicas?: boolean;
  /** Further arguments of every server. */
  readonly args?: readonly string[];
}

/**
 * A Redis Cluster on ports of 127.0.0.1 with evenly divided slots. It is ready when every server reports that
 * it is.
 */
export class RedisCluster implements AsyncDisposable {
  private constructor(
    private readonly directory: string,
    readonly masters: readonly RedisServer[],
    /** In the order of their masters. */
    readonly replicas: readonly RedisServer[],
  ) {}

  static async start({
    masters = 3,
    replicas = false,
    args = [],
  }: StartClusterOptions = {}): Promise<RedisCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'quorlock-cluster-'));
    const make = async (index: number): Promise<RedisServer> =>
      new RedisServer({
        directory: join(directory, `node-${index + 1}`),
        tcp: true,
        args: [
          ...[
            '--cluster-enabled',
            'yes',
            '--cluster-config-file',
            'nodes.conf',
            '--cluster-node-timeout',
            '1000',
          ],
          ...['--cluster-announce-ip', '127.0.0.1', '--cluster-port', String(await freePort())],
          ...['--cluster-require-full-coverage', 'no', '--cluster-replica-validity-factor', '0'],
          ...['--repl-diskless-sync-delay', '0', ...args],
        ],
      });
    const count = replicas ? 2 * masters : masters;
    const all: RedisServer[] = [];
    for (let index = 0; index < count; index++) all.push(await make(index));
    const cluster = new RedisCluster(directory, all.slice(0, masters), all.slice(masters));
    try {
      await Promise.all(all.map((server) => server.start()));
      await cluster.#form();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** The options for quorlock: two servers, from which it learns the others. */
  get options(): { readonly cluster: readonly { readonly host: string; readonly port: number }[] } {
    return { cluster: this.masters.slice(0, 2).map(({ port }) => ({ host: '127.0.0.1', port })) };
  }

  get #all(): readonly RedisServer[] {
    return [...this.masters, ...this.replicas];
  }

  async #form(): Promise<void> {
    const [first] = this.masters as [RedisServer];
    const meeting = Number(((await call(first, 'CONFIG', 'GET', 'cluster-port')) as string[])[1]);
    for (const [index, master] of this.masters.entries()) {
      const start = Math.floor((index * SLOTS) / this.masters.length);
      const end = Math.floor(((index + 1) * SLOTS) / this.masters.length) - 1;
      await call(master, 'CLUSTER', 'ADDSLOTSRANGE', String(start), String(end));
      await call(master, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    }
    for (const server of this.#all.slice(1))
      await call(server, 'CLUSTER', 'MEET', '127.0.0.1', String(first.port), String(meeting));
    const knows = async (server: RedisServer): Promise<boolean> => {
      const info = String(await call(server, 'CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${this.#all.length}`);
    };
    const epochs = async (server: RedisServer): Promise<string> => {
      const lines = String(await call(server, 'CLUSTER', 'NODES')).split('\n');
      return lines
        .map((line) => [line.split(' ')[0], line.split(' ')[6]].join())
        .sort()
        .join(' ');
    };
    const agree = async (): Promise<boolean> => {
      if (!(await Promise.all(this.#all.map(knows))).every(Boolean)) return false;
      return new Set(await Promise.all(this.#all.map(epochs))).size === 1;
    };
    await until(agree, { what: 'the cluster to be formed' });
    for (const [index, replica] of this.replicas.entries()) {
      await call(replica, 'CLUSTER', 'REPLICATE', await this.idOf(this.masters[index]!));
      await until(async () => String(await call(replica, 'INFO')).includes('master_link_status:up'));
    }
  }

  async idOf(server: RedisServer): Promise<string> {
    return String(await call(server, 'CLUSTER', 'MYID'));
  }

  /** The master that has the slot of this key, as it reports itself. */
  async masterOf(key: string): Promise<RedisServer> {
    for (const server of this.#all) {
      if (!server.running) continue;
      const answer = await call(server, 'TTL', key).catch((error: Error) => error.message);
      if (typeof answer === 'number') return server;
    }
    throw new Error(`no server has the slot of ${key}`);
  }

  /** Moves the slot of a key with its contents, as redis-cli does. */
  async moveSlot(key: string, to: RedisServer): Promise<void> {
    const from = await this.masterOf(key);
    const slot = String(await call(from, 'CLUSTER', 'KEYSLOT', key));
    const [fromId, toId] = [await this.idOf(from), await this.idOf(to)];
    await call(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await call(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    const keys = (await call(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '1000')) as string[];
    if (keys.length > 0)
      await call(from, 'MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
    for (const server of [to, from, ...this.masters])
      if (server.running) await call(server, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((server) => server.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function call(server: RedisServer, ...command: [string, ...string[]]): Promise<unknown> {
  const client = server.client();
  try {
    return await client.call(...command);
  } finally {
    client.disconnect();
  }
}
