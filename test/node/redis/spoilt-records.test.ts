import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { NodeRequest } from '../../../src/node/node-request.js';
import { voteOf } from '../../../src/node/contract/operations.js';
import { redisNode } from '../../contract/redis-subject.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';

it('what somebody else has left in the records of runs neither hides a run nor keeps its lock', async () => {
  await using redis = await startRedis({ count: 1 });
  const { options } = redis.servers[0]!;
  const client = new Redis(options);
  const node = redisNode(options);
  await until(() => node.state.status === 'ready');
  const deadlineAt = performance.now() + 300_000;
  const { acquire, release } = {
    acquire: (resource: string): NodeRequest => ({
      op: 'acquire',
      resources: [resource],
      holderId: 'anna',
      ttlMs: 60_000,
      tokens: 1,
      deadlineAt,
      seed: undefined,
      tick: undefined,
    }),
    release: (resource: string, rank: number, succeededAt: number): NodeRequest => ({
      op: 'release',
      resources: [resource],
      holderId: 'anna',
      keepMs: 0,
      note: { rank, text: `run ${rank}`, most: 3, succeededAt },
    }),
  };
  const lastSuccess = async (resource: string): Promise<number | undefined> => {
    const [answer] = await node.inspect([resource]);
    return answer?.kind === 'inspected' ? answer.lastSuccess : undefined;
  };
  const fill = `for i = 1, 9000 do redis.call('ZADD', KEYS[1], i, 'left ' .. i) end`;
  await client.eval(fill, 1, '{lock:a}:fence:history');
  expect(await voteOf(node, acquire('a'))).toMatchObject({ kind: 'granted' });
  expect(await node.history('a')).toHaveLength(1_000);
  expect(await voteOf(node, release('a', 9_001, Date.now()))).toMatchObject({ kind: 'granted' });
  expect(await client.exists('lock:a')).toBe(0);
  expect(((await node.history('a')) as string[]).at(-1)).toBe('run 9001');
  expect(await client.zcard('{lock:a}:fence:history')).toBe(8_001);

  const beginning = Date.now();
  for (const wrong of [beginning + 86_400_000, 'inf', 'nan', '-5', '1e300', 'garbage']) {
    await client.set('{lock:a}:fence:success', wrong);
    expect(await lastSuccess('a')).toBeUndefined();
    await voteOf(node, release('a', 9_002, beginning));
    expect(await lastSuccess('a')).toBe(beginning);
  }
  // A worker whose clock is a day ahead. Whoever comes after it is seen again a minute later.
  await voteOf(node, release('b', 1, beginning + 86_400_000));
  expect(await lastSuccess('b')).toBeLessThan(Date.now() + 60_001);
  client.disconnect();
  await node.close();
});
