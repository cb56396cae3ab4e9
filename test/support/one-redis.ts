import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { LockManagers } from './lock-managers.js';
import type { RedisServer } from './redis-server.js';
import { startRedis, type RedisServers } from './redis-servers.js';

export interface OneRedis {
  /** The server of the file's tests, which is emptied after each. It listens on a port. */
  readonly server: RedisServer;
  /** The managers of one test, which are closed after it. */
  readonly managers: LockManagers;
}

/** Gives the tests of a file a server. To be called once, outside of any `describe`. */
export function oneRedis(): OneRedis {
  let redis: RedisServers;
  let managers: LockManagers;
  beforeAll(async () => {
    redis = await startRedis({ count: 1, tcp: true });
  });
  beforeEach(() => {
    managers = new LockManagers();
  });
  afterEach(async () => {
    await managers[Symbol.asyncDispose]();
    await redis.servers[0]!.client().flushall();
  });
  afterAll(() => redis?.stop());
  return {
    get server() {
      return redis.servers[0]!;
    },
    get managers() {
      return managers;
    },
  };
}
