import { EventEmitter } from 'node:events';
import { expect, it } from '@jest/globals';
import { QuarantineTerm } from '../../../src/core/quarantine.js';
import { voteOf } from '../../../src/node/contract/operations.js';
import type { AcquireRequest } from '../../../src/node/node-request.js';
import type { Connection } from '../../../src/node/redis/connection/connection.js';
import { RedisNode } from '../../../src/node/redis/redis-node.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** What every reply begins with: the node's time, and that it is in no quarantine. */
const GUARD = [1_791_812_345_678_000, 0];

const ACQUIRE: AcquireRequest = {
  op: 'acquire',
  resources: ['a'],
  holderId: 'anna',
  ttlMs: 10_000,
  deadlineAt: Number.MAX_SAFE_INTEGER,
  seed: undefined,
  tick: undefined,
  tokens: 1,
};

/** A node over a connection that answers the look with the guard's words, and everything after with this. */
async function nodeThatAnswers(reply: unknown) {
  const ended: boolean[] = [];
  let answers: unknown = GUARD;
  const connection = Object.assign(new EventEmitter(), {
    connect: () => Promise.resolve(),
    info: () => Promise.resolve('run_id:1'),
    script: () => Promise.resolve(),
    run: (_call: unknown, replied: (error: undefined, reply: unknown) => void) =>
      queueMicrotask(() => replied(undefined, answers)),
    disconnect: (again = false) => void ended.push(again),
  });
  const clock = new VirtualClock();
  const endpoint = { name: 'n1', address: 'n1', clientPrefix: '', durable: false, failsOver: false };
  const open = (): Connection => connection as unknown as Connection;
  const node = new RedisNode(
    { ...endpoint, open },
    {
      keyPrefix: 'lock:',
      driftFactor: 0.01,
      quarantine: new QuarantineTerm(1_000),
      isExact: true,
      fenceTtlMs: 86_400_000,
      clock,
      random: () => 0.5,
    },
  );
  const ready = new Promise<void>((resolve) =>
    node.onStateChange(({ status }) => status === 'ready' && resolve()),
  );
  connection.emit('ready');
  await ready;
  answers = reply;
  return { node, ended };
}

it.each([
  ['no reply of a script', 'OK'],
  ['no reply of the guard', ['OK']],
  ['a reply with too few answers', GUARD],
  ['a reply with too many answers', [...GUARD, 0, 0]],
])('a connection is begun anew after %s, for the next replies would be wrong ones too', async (_, reply) => {
  const { node, ended } = await nodeThatAnswers(reply);
  expect(await voteOf(node, ACQUIRE)).toMatchObject({ kind: 'failed', reason: 'error' });
  expect(ended).toEqual([true]);
  await node.close();
});

it('a reading that does not fit begins the connection anew, too', async () => {
  const { node, ended } = await nodeThatAnswers([]);
  expect(await node.inspect(['a'])).toMatchObject([{ kind: 'failed' }]);
  expect(await node.history('a')).toMatchObject({ kind: 'failed' });
  expect(ended).toEqual([true, true]);
  await node.close();
});

it('an answer that only its own resource is to blame for ends no connection', async () => {
  const { node, ended } = await nodeThatAnswers([...GUARD, ['error', 'WRONGTYPE']]);
  expect(await voteOf(node, ACQUIRE)).toMatchObject({ kind: 'failed', reason: 'error' });
  expect(ended).toEqual([]);
  await node.close();
});
