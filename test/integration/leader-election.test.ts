import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startChild, type Child } from '../support/child.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { ELECTION, type LeaderReport } from './leader-report.js';

type Term = Extract<LeaderReport, { type: 'elected' | 'deposed' }>;

let redis: RedisServers;
const workers: Child<LeaderReport>[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.kill())));
afterAll(() => redis.stop());

/** Three worker processes that stand for the election; one of them leads. */
async function startThree(ttlMs: number): Promise<void> {
  const env = { NODES: JSON.stringify(redis.servers.map(({ options }) => options)), TTL_MS: String(ttlMs) };
  for (let count = 0; count < 3; count++) {
    workers.push(startChild(new URL('./leader-worker.ts', import.meta.url), { env }));
  }
  await until(() => workers.every((worker) => worker.messages.length > 0));
  await until(() => leaders().length === 1);
}

const terms = (worker: Child<LeaderReport>): Term[] =>
  worker.messages.filter((message): message is Term => 'at' in message);

/** The workers that have been elected and not deposed. */
const leaders = (): Child<LeaderReport>[] =>
  workers.filter((worker) => terms(worker).at(-1)?.type === 'elected');

/** The token under which each worker ran a method of the leader; `undefined`: it did not run. */
async function write(): Promise<(number | undefined)[]> {
  return Promise.all(
    workers.map(async (worker) => {
      const before = worker.messages.length;
      worker.send('write');
      const wrote = await until(() => worker.messages.slice(before).find(({ type }) => type === 'wrote'));
      return (wrote as Extract<LeaderReport, { type: 'wrote' }>).token;
    }),
  );
}

const remove = (worker: Child<LeaderReport>): void => void workers.splice(workers.indexOf(worker), 1);

describe('leader election among three worker processes', () => {
  it('has a new leader, with a greater token, after the leader was killed', async () => {
    await startThree(2_000);
    const [killed] = leaders() as [Child<LeaderReport>];
    const { token, at } = terms(killed).at(-1)!;
    expect((await write()).filter((one) => one !== undefined)).toEqual([token]);
    const killedAt = process.hrtime.bigint() / 1_000n;
    await killed.kill('SIGKILL');
    remove(killed);
    await until(() => leaders().length === 1);
    const next = terms(leaders()[0]!).at(-1)!;
    expect(next.token).toBeGreaterThan(token);
    expect(next.at).toBeGreaterThan(at);
    expect(next.at).toBeGreaterThan(Number(killedAt));
    expect((await write()).filter((one) => one !== undefined)).toEqual([next.token]);
  });

  it('has a new leader at once after the leader has ended in order: nobody waits for its TTL', async () => {
    // In an hour the keys would expire. Only the release can end the waiting of the others.
    await startThree(3_600_000);
    for (let left = 3; left > 1; left--) {
      const [leader] = leaders() as [Child<LeaderReport>];
      await until(() => workers.every((one) => one === leader || one.messages.length > 0));
      expect(await leader.kill('SIGTERM')).toEqual({ code: 0, signal: null });
      const [elected, deposed] = terms(leader) as [Term, Term];
      expect(deposed).toMatchObject({ type: 'deposed', token: elected.token });
      remove(leader);
      await until(() => leaders().length === 1);
      // The new leader was elected after the old one had been deposed.
      expect(terms(leaders()[0]!)[0]!.at).toBeGreaterThan(deposed.at);
      expect(terms(leaders()[0]!)[0]!.token).toBeGreaterThan(elected.token);
    }
    await workers[0]!.kill('SIGTERM');
    const clients = redis.servers.map((server) => server.client());
    expect(await Promise.all(clients.map((client) => client.exists(`lock:${ELECTION}`)))).toEqual([0, 0, 0]);
    for (const client of clients) client.disconnect();
  });

  it('deposes a leader that was stopped for longer than its TTL before it leads again', async () => {
    await startThree(2_000);
    const [stopped] = leaders() as [Child<LeaderReport>];
    stopped.pause();
    await until(() => leaders().length === 2);
    const next = leaders().find((worker) => worker !== stopped)!;
    stopped.resume();
    await until(() => terms(stopped).at(-1)?.type === 'deposed');
    expect(leaders()).toEqual([next]);
    expect((await write()).filter((one) => one !== undefined)).toEqual([terms(next).at(-1)!.token]);
  });
});
