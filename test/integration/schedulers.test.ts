import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startChild, type Child } from '../support/child.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** A tick, or that the worker is up. */
type Report = number | string;

let redis: RedisServers;
const workers: Child<Report>[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.kill())));
afterAll(() => redis.stop());

const ticks = (): Report[] =>
  workers.flatMap(({ messages }) => messages.filter((message) => message !== 'up'));

describe.each(['cron', 'croner', 'node-cron'])('three worker processes with a job of %s', (scheduler) => {
  it('run each second once in all, also after one of them was killed', async () => {
    const nodes = redis.servers.map(({ options }) => options);
    const env = { NODES: JSON.stringify(nodes), SCHEDULER: scheduler };
    const file = new URL('./scheduler-worker.ts', import.meta.url);
    for (let count = 0; count < 3; count++) workers.push(startChild<Report>(file, { env }));
    await Promise.all(workers.map((worker) => worker.message((message) => message === 'up')));
    await until(() => ticks().length >= 3);
    await workers[0]!.kill();
    const before = ticks().length;
    await until(() => ticks().length >= before + 3);
    expect(new Set(ticks()).size).toBe(ticks().length);
    expect(ticks().filter((tick) => typeof tick !== 'number' || tick % 1_000 !== 0)).toEqual([]);
  });
});
