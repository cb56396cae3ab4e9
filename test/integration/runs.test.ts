import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RunSettings } from '../../src/nestjs/index.js';
import { startChild, type Child } from '../support/child.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import type { RunReport } from './run-report.js';

type Mark = Extract<RunReport, { type: 'began' | 'ended' }>;

let redis: RedisServers;
const workers: Child<RunReport>[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
beforeEach(async () => {
  for (const server of redis.servers) {
    const client = server.client();
    await client.flushall();
    client.disconnect();
  }
});
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.kill())));
afterAll(() => redis.stop());

async function startWorkers(
  count: number,
  policy: RunSettings,
  holdMs: number,
  cron = '* * * * * *',
): Promise<Child<RunReport>[]> {
  const env = {
    CRON: cron,
    NODES: JSON.stringify(redis.servers.map(({ options }) => options)),
    POLICY: JSON.stringify(policy),
    HOLD_MS: String(holdMs),
  };
  const file = new URL('./run-worker.ts', import.meta.url);
  const started = Array.from({ length: count }, () => startChild<RunReport>(file, { env }));
  workers.push(...started);
  await Promise.all(started.map((worker) => worker.message(({ type }) => type === 'up')));
  return started;
}

/** What all workers reported, also those that are dead, in the order of the shared clock. */
const marks = (): Mark[] =>
  workers
    .flatMap(({ messages }) => messages.filter((message): message is Mark => message.type !== 'up'))
    .sort((a, b) => a.at - b.at);
const began = (): Mark[] => marks().filter(({ type }) => type === 'began');
const ended = (): Mark[] => marks().filter(({ type }) => type === 'ended');
const ticksOf = (list: readonly Mark[]): number[] => list.map(({ tick }) => tick);
const nameOf = ({ tick, attempt }: Mark): string => `${tick}/${attempt}`;

/** Runs of living workers never overlap: each has ended before the next one begins. */
function expectNoOverlap(dead: ReadonlySet<string> = new Set()): void {
  let open: Mark | undefined;
  for (const mark of marks()) {
    if (dead.has(nameOf(mark))) continue;
    if (mark.type === 'began') expect(open).toBeUndefined();
    open = mark.type === 'began' ? mark : undefined;
  }
}

describe('a scheduled job on three worker processes', () => {
  it('runs no tick twice by default, although workers are killed in the middle of a run', async () => {
    await startWorkers(3, {}, 300);
    for (let kills = 0; kills < 2; kills++) {
      const before = began().length;
      const running = await until(() => {
        const last = marks().at(-1);
        return began().length > before && last?.type === 'began' ? last : undefined;
      });
      const victim = workers.find(({ messages }) => messages.includes(running))!;
      await victim.kill();
      const after = ended().length;
      await until(() => ended().length > after);
    }
    const ticks = ticksOf(began());
    expect(new Set(ticks).size).toBe(ticks.length);
    expect(began().every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it('runs a tick again whose worker was killed, with retry, and never two at the same time', async () => {
    // The lease of the dead worker is over before the next tick: a later tick would go before.
    await startWorkers(3, { abandoned: 'retry', maxLateness: 60, attempts: 3 }, 300, '*/10 * * * * *');
    const running = await until(() => {
      const last = marks().at(-1);
      return last?.type === 'began' ? last : undefined;
    });
    const victim = workers.find(({ messages }) => messages.includes(running))!;
    await victim.kill();
    // It may have ended its run just before it was killed.
    const died = ended().every((mark) => nameOf(mark) !== nameOf(running));
    await until(() =>
      ended().some(({ tick, attempt }) => tick === running.tick && attempt >= (died ? 2 : 1)),
    );
    expectNoOverlap(new Set(died ? [nameOf(running)] : []));
    const finished = ticksOf(ended());
    expect(new Set(finished).size).toBe(finished.length);
  });

  it('runs the latest missed tick late when the nodes are back, and no tick twice', async () => {
    await startWorkers(2, { missed: 'once', maxLateness: 3_600 }, 20);
    await until(() => ended().length > 0);
    for (const server of redis.servers) server.pause();
    // Some ticks fall due meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    for (const server of redis.servers) server.resume();
    const before = ended().length;
    await until(() => ended().length > before + 1);
    const ticks = ticksOf(began());
    expect(new Set(ticks).size).toBe(ticks.length);
    expectNoOverlap();
  });
});
