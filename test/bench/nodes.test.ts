import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BENCH_NAME } from '../../benchmarks/bench/names.js';
import { givenNodes, readNodes, using } from '../../benchmarks/bench/nodes.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';

describe('--nodes', () => {
  it('reads urls, with logins, databases and TLS', () => {
    expect(readNodes('redis://10.0.0.1,rediss://me:p%40ss@[::1]:7000/3')).toEqual([
      { host: '10.0.0.1', port: 6379 },
      { host: '::1', port: 7000, username: 'me', password: 'p@ss', db: 3, tls: {} },
    ]);
  });

  it.each([
    ['10.0.0.1:6379', 'entry 1 must be a url'],
    ['redis://a,http://b', 'entry 2 must be a url'],
    ['redis://:secret@a/x', 'entry 1: the database must be a number'],
  ])('%s is refused, without its password', (text, message) => {
    expect(() => readNodes(text)).toThrow(RangeError);
    expect(() => readNodes(text)).toThrow(message);
    expect(() => readNodes(text)).not.toThrow('secret');
  });
});

describe("the user's own servers", () => {
  let redis: RedisServers;
  beforeAll(async () => {
    redis = await startRedis({ count: 1, tcp: true });
  });
  afterAll(() => redis.stop());

  it("only the benchmark's keys are removed", async () => {
    const nodes = givenNodes([{ host: '127.0.0.1', port: redis.servers[0]!.port }]);
    await using(nodes.client(0), (client) =>
      client.mset({ mine: '1', [`lock:${BENCH_NAME}:7`]: '1', [`{lock:${BENCH_NAME}:7}:fence`]: '1' }),
    );
    await nodes.restore();
    expect(await using(nodes.client(0), (client) => client.keys('*'))).toEqual(['mine']);
    expect(nodes.servers).toBeUndefined();
  });
});
