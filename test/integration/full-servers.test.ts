import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../src/index.js';
import { LockManagers } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** A server that refuses each write by itself, or none. */
const setFull = (servers: RedisServers['servers'], isFull: boolean): Promise<unknown> =>
  Promise.all(servers.map((server) => server.client().config('SET', 'maxmemory', isFull ? '1' : '0')));

describe('the first use of servers whose memory is full', () => {
  let managers: LockManagers;

  beforeEach(() => {
    managers = new LockManagers();
  });
  afterEach(() => managers[Symbol.asyncDispose]());

  it.each<[number, Partial<LockManagerOptions>, RegExp]>([
    [1, {}, /mismatch \(no list of nodes is in use yet: nothing can be written there, .*: OOM command/],
    [2, {}, /mismatch \(no list of nodes is in use yet: nothing can be written there, .*: OOM command/],
    [3, { restartQuarantine: 'auto' }, /untrusted \(.* nothing can be written there, .*: OOM command/],
  ])(
    'waits for room, and the warnings repeat what each of the servers says (%d)',
    async (count, options, message) => {
      await using redis = await startRedis({ count });
      const { servers } = redis;
      await setFull(servers, true);
      const locks = managers.make({ servers, ...options });
      const refused = (warning: string): boolean =>
        warning.includes(
          'nothing can be written there, so its first use has to wait: OOM command not allowed',
        );
      await until(() => managers.warnings.filter(refused).length >= count);
      expect(managers.warnings.filter(refused)).toHaveLength(count);
      await expect(locks.acquire('a')).rejects.toThrow(message);
      expect(locks.nodes()).toEqual(
        locks.nodes().map(() => expect.objectContaining({ reason: expect.stringContaining('OOM command') })),
      );
      await setFull(servers, false);
      await until(() => locks.acquire('a').catch(() => undefined));
      expect(locks.nodes()).toEqual(locks.nodes().map(({ name }) => ({ name, status: 'ready' })));
    },
  );
});
