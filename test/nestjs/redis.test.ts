import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, CronExpression, ScheduleModule } from '@nestjs/schedule';
import { DistributedLock, QuorlockModule } from '../../src/nestjs/index.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { start, startWith, ticksOf } from './support.js';

@Injectable()
class Tasks {
  @Cron(CronExpression.EVERY_SECOND)
  @DistributedLock({ key: 'every-second', ttl: 5 })
  async job(): Promise<void> {}

  @DistributedLock({ key: 'by-hand' })
  async byHand(): Promise<string> {
    return 'done';
  }
}

describe('over real Redis servers', () => {
  /** Three for the workers, and one for each other test: a node remembers the nodes that vote with it. */
  let redis: RedisServers;

  beforeAll(async () => {
    redis = await startRedis({ count: 5, tcp: true });
  });

  afterAll(async () => {
    await redis.stop();
  });

  afterEach(() => {
    for (const name of ['REDIS_ENABLED', 'REDIS_HOST', 'REDIS_PORT']) delete process.env[name];
  });

  it('a job that takes no time runs once per tick on three workers over Redis', async () => {
    const nodes = redis.servers.slice(0, 3).map(({ url }) => url);
    const workers = [];
    for (let worker = 0; worker < 3; worker++) {
      const metadata = { imports: [ScheduleModule.forRoot()], providers: [Tasks] };
      workers.push(await start(metadata, { nodes, drainMs: 30_000 }));
    }
    const runs = workers.map(ticksOf);
    await until(() => runs.flat().length >= 4);
    for (const { app } of workers) await app.close();
    const ticks = runs.flat();
    expect(new Set(ticks).size).toBe(ticks.length);
  });

  it('the environment variables of the guide lead to the Redis server', async () => {
    const server = redis.servers[3];
    Object.assign(process.env, {
      REDIS_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(server!.port),
    });
    const { app, log } = await startWith({ imports: [QuorlockModule.forRoot()], providers: [Tasks] });
    expect(await app.get(Tasks).byHand()).toBe('done');
    expect(await server!.client().keys('*by-hand*')).not.toEqual([]);
    // A server of its own keeps nothing through a restart, and nothing else is wrong.
    expect(log.of('Quorlock', 'warn')).toEqual([expect.stringContaining('appendonly is no')]);
  });

  it('a client that the user gave stays open when the application is closed', async () => {
    const server = redis.servers[4];
    const client = server!.client();
    const { app } = await start({ providers: [Tasks] }, { nodes: [client] });
    const ended: string[] = [];
    client.on('end', () => ended.push('end'));
    expect(await app.get(Tasks).byHand()).toBe('done');
    await app.close();
    expect(await client.ping()).toBe('PONG');
    expect(ended).toEqual([]);
  });
});
