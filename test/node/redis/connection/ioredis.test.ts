import { expect, it } from '@jest/globals';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisNodeOptions } from '../../../../src/index.js';
import { openConnection } from '../../../../src/node/redis/connection/ioredis.js';

/** The options of the client that a connection makes for itself, besides those of the user. */
async function overridesFor(options: RedisNodeOptions): Promise<object> {
  let overrides: object = {};
  const make = (given: object = {}): never => {
    overrides = given;
    throw new Error('no client');
  };
  const connection = openConnection(make, options, () => 60_000);
  await expect(connection.connect()).rejects.toThrow('no client');
  connection.disconnect();
  return overrides;
}

/** Whoever listens sends nothing, and would not notice that a firewall has forgotten its connection. */
it.each<[string, object, unknown]>([
  ['nothing', {}, 30_000],
  ['what ioredis 5 takes for nothing', { keepAlive: 0 }, 30_000],
  ['the options of a client of ioredis 5', new Redis5({ lazyConnect: true }).options, 30_000],
  ['another time', { keepAlive: 5_000 }, 5_000],
  ['that they are kept alive by nobody', { keepAlive: false }, false],
])('connections are kept alive, where the user chose %s', async (_choice, options, keepAlive) => {
  expect(await overridesFor({ ...options })).toHaveProperty('keepAlive', keepAlive);
});
