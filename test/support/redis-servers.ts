import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisServer } from './redis-server.js';

export interface StartRedisOptions {
  readonly count: number;
  /**
   * Listen on ports of 127.0.0.1 instead of unix sockets. A few tests need an address that `redis:` URLs can
   * express.
   */
  readonly tcp?: boolean;
  /** Further arguments of every server, such as `['--requirepass', 'secret']`. */
  readonly args?: readonly string[];
  /** Additions to a server's environment, given its own directory. */
  readonly env?: (directory: string) => Readonly<Record<string, string>>;
}

export interface RedisServers extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  /** Ends all servers and their clients, and removes their files. */
  stop(): Promise<void>;
}

/**
 * Starts independent redis-server processes and resolves when all of them reply. They die with this process.
 */
export async function startRedis({
  count,
  tcp = false,
  args = [],
  env = () => ({}),
}: StartRedisOptions): Promise<RedisServers> {
  const directory = await mkdtemp(join(tmpdir(), 'quorlock-redis-'));
  const servers = Array.from({ length: count }, (_, index) => {
    const own = join(directory, `node-${index + 1}`);
    return new RedisServer({ directory: own, tcp, args, env: env(own) });
  });
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, stop, [Symbol.asyncDispose]: stop };
}
