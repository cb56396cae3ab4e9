import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from '../../../test/support/redis-server.js';

const SECOND = 1_000;

/**
 * Injects the faults of the recording. First one node hangs and comes back, which does no harm. Then one
 * crashes and loses its memory, so that its grants do not count for a while. At last three of five hang, and
 * there is no quorum.
 */
export async function faults(servers: readonly RedisServer[], say: (what: string) => void): Promise<void> {
  const [first, second, third, fourth, fifth] = servers;
  if (!first || !second || !third || !fourth || !fifth) throw new Error('the faults need five servers');
  await sleep(80 * SECOND);
  say('node 4 hangs');
  fourth.pause();
  await sleep(60 * SECOND);
  fourth.resume();
  await sleep(50 * SECOND);
  say('node 2 crashes');
  await second.kill();
  await sleep(30 * SECOND);
  say('node 2 is back, without its memory');
  await second.start();
  await sleep(120 * SECOND);
  say('nodes 1, 3 and 5 hang: no quorum');
  const most = [first, third, fifth];
  for (const server of most) server.pause();
  await sleep(15 * SECOND);
  say('nodes 1, 3 and 5 are back');
  for (const server of most) server.resume();
  await sleep(85 * SECOND);
}
