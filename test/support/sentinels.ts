import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { dieWithParent, exitOf } from './processes.js';
import { freePort } from './free-port.js';
import { redisServerPath, type RedisServer } from './redis-server.js';
import { until } from './until.js';

export const GROUP = 'mymaster';

export interface Sentinels extends AsyncDisposable {
  /** The options for ioredis and quorlock. */
  readonly options: {
    readonly sentinels: readonly { readonly host: string; readonly port: number }[];
    readonly name: string;
  };
  /** The port of the master, as the sentinels report it. */
  masterPort(): Promise<number>;
  /** Sends a command to the first sentinel. */
  call(...command: [string, ...string[]]): Promise<unknown>;
  stop(): Promise<void>;
}

export interface StartSentinelsOptions {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** The password that the sentinels require. */
  readonly password?: string;
}

/**
 * Makes one server the replica of the other and starts three sentinels that monitor them. Resolves when the
 * sentinels know each other.
 */
export async function startSentinels(options: StartSentinelsOptions): Promise<Sentinels> {
  const { master, replica, password } = options;
  await follow(replica, master);
  const directory = await mkdtemp(join(tmpdir(), 'quorlock-sentinels-'));
  const children: (() => Promise<void>)[] = [];
  const clients: Redis[] = [];
  const stop = async (): Promise<void> => {
    for (const client of clients) client.disconnect();
    await Promise.all(children.map((end) => end()));
    await rm(directory, { recursive: true, force: true });
  };
  const start = async (index: number): Promise<number> => {
    const port = await freePort();
    const file = join(directory, `sentinel-${index}.conf`);
    // A sentinel writes its state into its configuration file. With a password the sentinels need it to ask
    // each other.
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `logfile ${join(directory, `log-${index}`)}`,
      ...(password === undefined ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`]),
      `sentinel monitor ${GROUP} 127.0.0.1 ${master.port} 2`,
      `sentinel down-after-milliseconds ${GROUP} 500`,
      `sentinel failover-timeout ${GROUP} 3000`,
    ];
    await writeFile(file, lines.join('\n'));
    const [command = '', ...args] = [...dieWithParent, redisServerPath(), file, '--sentinel'];
    const child = spawn(command, args, { stdio: 'ignore' });
    const exit = exitOf(child);
    children.push(async () => {
      child.kill('SIGKILL');
      await exit.catch(() => undefined);
    });
    return port;
  };
  try {
    const ports = await Promise.all([1, 2, 3].map(start));
    for (const port of ports) {
      const client = new Redis({
        host: '127.0.0.1',
        port,
        disconnectTimeout: 0,
        ...(password === undefined ? {} : { password }),
      });
      client.on('error', () => undefined);
      clients.push(client);
    }
    const know = async (client: Redis): Promise<boolean> => {
      const facts = (await client.call('SENTINEL', 'MASTER', GROUP)) as string[];
      const fact = (name: string): string | undefined => facts[facts.indexOf(name) + 1];
      return fact('num-other-sentinels') === '2' && fact('num-slaves') === '1' && fact('flags') === 'master';
    };
    await until(async () => (await Promise.all(clients.map(know))).every(Boolean), {
      what: 'the sentinels to know each other',
    });
    return {
      options: { sentinels: ports.map((port) => ({ host: '127.0.0.1', port })), name: GROUP },
      call: (...command) => clients[0]!.call(...command),
      masterPort: async () => {
        const answer = await clients[0]!.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', GROUP);
        return Number((answer as string[])[1]);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await master.client().call('CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  const client = replica.client();
  await client.call('REPLICAOF', '127.0.0.1', String(master.port));
  await until(async () => (await client.info('replication')).includes('master_link_status:up'));
}
