import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { LockManager, type NodeSource } from '../../../../src/index.js';
import { persistenceCaution, persistenceOf } from '../../../../src/node/redis/server/persistence.js';
import { startRedis, type RedisServers } from '../../../support/redis-servers.js';

describe('what a server says of how it keeps its data', () => {
  const told = ['appendonly', 'yes', 'appendfsync', 'everysec', 'appendfilename', 'a.aof'];
  const object = { appendonly: 'yes', appendfsync: 'everysec' };

  it.each<readonly [string, string, unknown, object]>([
    ['a list, as in RESP2', '', told, { appendOnly: true, appendFsync: 'everysec' }],
    ['a list of pairs', '', Object.entries(object), { appendOnly: true, appendFsync: 'everysec' }],
    ['an object', '', object, { appendOnly: true, appendFsync: 'everysec' }],
    ['a map', '', new Map(Object.entries(object)), { appendOnly: true, appendFsync: 'everysec' }],
    ['no answer, and INFO', 'aof_enabled:0\r\n', undefined, { appendOnly: false, appendFsync: undefined }],
    ['no answer, and INFO that says yes', 'a:1\r\naof_enabled:1\r\n', undefined, { appendOnly: true }],
    ['no answer, and no INFO', '', undefined, { appendOnly: undefined, appendFsync: undefined }],
    ['something else', '', 7, { appendOnly: undefined, appendFsync: undefined }],
  ])('is read from %s', (_, info, config, expected) => {
    expect(persistenceOf(info, config)).toMatchObject(expected);
  });

  it.each([
    ['declared durable', false, 'no', 'appendonly is no'],
    ['declared durable', true, 'everysec', 'appendfsync is everysec'],
    ['declared durable', true, 'always', undefined],
    ['declared durable', undefined, undefined, undefined],
    ['no quarantine', false, undefined, 'fewer than three nodes'],
    ['no quarantine', true, 'no', 'appendfsync is no'],
    ['no quarantine', true, undefined, undefined],
    ['none', false, 'no', undefined],
  ] as const)(
    'where it is %s, appendonly %s and appendfsync %s mean: %s',
    (reliance, appendOnly, appendFsync, part) => {
      const caution = persistenceCaution(reliance, { appendOnly, appendFsync });
      if (part === undefined) expect(caution).toBeUndefined();
      else expect(caution).toContain(part);
    },
  );
});

describe('advice about persistence', () => {
  let redis: RedisServers;
  beforeAll(async () => {
    redis = await startRedis({ count: 3, tcp: true });
    const [forgetful, careless, careful] = redis.servers;
    await forgetful!.client().config('SET', 'appendonly', 'no');
    for (const server of [careless!, careful!]) await server.client().config('SET', 'appendonly', 'yes');
    await careless!.client().config('SET', 'appendfsync', 'everysec');
    await careful!.client().config('SET', 'appendfsync', 'always');
  });
  afterAll(() => redis.stop());

  async function warningsWith(nodes: readonly NodeSource[], options: object = {}): Promise<string[]> {
    const warnings: string[] = [];
    await using locks = new LockManager({ nodes, warn: (text) => void warnings.push(text), ...options });
    await locks.started();
    return warnings.filter((text) => text.includes('append'));
  }

  it('a single node that forgets is told once, with what to set', async () => {
    const [{ url }] = redis.servers as [RedisServers['servers'][0]];
    const [warning, ...more] = await warningsWith([url]);
    expect(warning).toBe(
      `node ${new URL(url).host}: it forgets locks when it restarts (appendonly is no), ` +
        'and with fewer than three nodes no quarantine makes up for that: ' +
        'set appendonly yes and appendfsync always',
    );
    expect(more).toEqual([]);
  });

  it('a client of node-redis is asked likewise', async () => {
    const client = createClient({ url: redis.servers[1]!.url });
    client.on('error', () => undefined);
    expect((await warningsWith([client])).join()).toContain('appendfsync is everysec');
  });

  it('nothing is said of a server that keeps its data, and where a quarantine protects', async () => {
    expect(await warningsWith([redis.servers[2]!.url])).toEqual([]);
    expect(await warningsWith(redis.servers.map(({ url }) => url))).toEqual([]);
  });

  it('nothing is said where the operator has switched the quarantine off', async () => {
    expect(await warningsWith([redis.servers[0]!.url], { restartQuarantine: 'off' })).toEqual([]);
  });

  it('a server that is declared durable and is not is named, among three', async () => {
    const nodes = redis.servers.map(({ options }) => ({ ...options, durable: true }));
    const warnings = await warningsWith(nodes);
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toContain('though it is declared durable');
  });

  it('a user who may not ask gets the advice that INFO allows', async () => {
    const [forgetful, careless] = redis.servers;
    for (const server of [forgetful!, careless!])
      await server
        .client()
        .call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-config');
    const login = { username: 'limited', password: 'secret' };
    const withLogin = (server: RedisServers['servers'][0]): NodeSource => ({ ...server.options, ...login });
    expect((await warningsWith([withLogin(forgetful!)])).join()).toContain('appendonly is no');
    expect(await warningsWith([withLogin(careless!)])).toEqual([]);
  });
});
