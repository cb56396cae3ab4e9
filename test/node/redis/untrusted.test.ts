import { expect, it } from '@jest/globals';
import type { Vote } from '../../../src/core/vote.js';
import { redisNode } from '../../contract/redis-subject.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { voteOf } from '../../../src/node/contract/operations.js';

it('a Redis node without a vote marks its refusals as untrusted', async () => {
  await using redis = await startRedis({ count: 1 });
  const node = redisNode(redis.servers[0]!.options, { quarantineMs: 600_000 });
  const acquire = (holderId: string): Promise<Vote> => {
    const request = { op: 'acquire', resources: ['a'], holderId, ttlMs: 600_000, tokens: 1 } as const;
    const rest = { deadlineAt: performance.now() + 300_000, seed: undefined, tick: undefined };
    return voteOf(node, { ...request, ...rest });
  };
  await until(() => node.state.status === 'new');
  await node.memory.trust();
  expect(await acquire('anna')).toMatchObject({ kind: 'granted' });
  expect(await acquire('bert')).not.toHaveProperty('untrusted');
  node.memory.quarantine('its clock was stepped');
  expect(await acquire('bert')).toMatchObject({ kind: 'refused', owner: 'anna', untrusted: true });
  await node.close();
});
