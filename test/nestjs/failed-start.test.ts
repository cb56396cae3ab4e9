import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { QuorlockModule, type QuorlockModuleOptions } from '../../src/nestjs/index.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { startWith } from './support.js';

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});
afterAll(() => redis?.stop());

/** The connections to the server, except for the one that asks. */
async function connections(): Promise<number> {
  const client = redis.servers[0]!.client();
  const list = (await client.call('CLIENT', 'LIST')) as string;
  client.disconnect();
  return list
    .trim()
    .split('\n')
    .filter((line) => !line.includes('cmd=client')).length;
}

describe('an application that does not start', () => {
  it.each<[string, object]>([
    ['drainMs', { drainMs: -1 }],
    ['strictKeys', { strictKeys: 'yes' }],
    ['listeners', { listeners: ['metrics'] }],
    ['maxStallMs', { maxStallMs: -1 }],
  ])('a bad %s leaves no connection open', async (_option, options) => {
    const nodes = [redis.servers[0]!.options];
    const module = QuorlockModule.forRoot({ nodes, ...(options as Partial<QuorlockModuleOptions>) });
    await expect(startWith({ imports: [module] })).rejects.toThrow();
    await until(async () => (await connections()) === 0, { what: 'no connection to be open' });
  });
});
