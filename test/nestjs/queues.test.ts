import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  BullModule as Bull,
  getQueueToken as tokenOfBull,
  Process,
  Processor as ProcessorOfBull,
} from '@nestjs/bull';
import { BullModule as BullMq, getQueueToken, Processor, WorkerHost } from '@nestjs/bullmq';
import type { Queue as QueueOfBull } from 'bull';
import type { Queue } from 'bullmq';
import { LockManager } from '../../src/index.js';
import { DistributedLock } from '../../src/nestjs/index.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { fragileNode, start, type Application } from './support.js';

let runs = 0;

@Processor('bullmq')
class Worker extends WorkerHost {
  @DistributedLock({ key: 'job' })
  async process(_job: unknown, _token?: string): Promise<string> {
    runs++;
    return 'done';
  }
}

@ProcessorOfBull('bull')
class WorkerOfBull {
  @Process()
  @DistributedLock({ key: 'job' })
  async run(_job: unknown): Promise<string> {
    runs++;
    return 'done';
  }
}

describe('jobs of real queues', () => {
  let redis: RedisServers;

  beforeAll(async () => {
    redis = await startRedis({ count: 1 });
  });

  afterAll(async () => {
    await redis.stop();
  });

  beforeEach(() => {
    runs = 0;
  });

  type Setting = Application & { node: ReturnType<typeof fragileNode>; other: LockManager };

  /** An application with a worker of each library; the queues are in Redis, the locks on a node in memory. */
  async function work(): Promise<Setting> {
    const { path } = redis.servers[0]!;
    const node = fragileNode();
    const other = new LockManager({ nodes: [node], warn: () => undefined });
    const imports = [
      BullMq.forRoot({ connection: { path } }),
      BullMq.registerQueue({ name: 'bullmq' }),
      Bull.forRoot({ redis: { path } }),
      Bull.registerQueue({ name: 'bull' }),
    ];
    const application = await start({ imports, providers: [Worker, WorkerOfBull] }, { nodes: [node] });
    return { ...application, node, other };
  }

  it('a refused job of BullMQ is delayed, uses up no attempt, and runs when its lock is free', async () => {
    const { app, other } = await work();
    const queue = app.get<Queue>(getQueueToken('bullmq'));
    await other.acquire('job', { ttlMs: 1_200, autoExtend: false });
    const { id } = await queue.add('report', {});
    await until(async () => (await queue.getJobState(id!)) === 'delayed');
    expect(runs).toBe(0);
    await until(async () => (await queue.getJobState(id!)) === 'completed');
    expect(runs).toBe(1);
    expect(await queue.getJob(id!)).toMatchObject({ returnvalue: 'done', attemptsMade: 1 });
  });

  it('a job of BullMQ is delayed while no majority of the nodes answers', async () => {
    const { app, node } = await work();
    const queue = app.get<Queue>(getQueueToken('bullmq'));
    node.reachable = false;
    const { id } = await queue.add('report', {});
    await until(async () => (await queue.getJobState(id!)) === 'delayed');
    expect(runs).toBe(0);
    await queue.obliterate({ force: true });
  });

  it('a refused job of Bull fails, and is tried again as its options say', async () => {
    const { app, other } = await work();
    const queue = app.get<QueueOfBull>(tokenOfBull('bull'));
    const lease = await other.acquire('job');
    const job = await queue.add({}, { attempts: 100, backoff: 20 });
    await until(async () => ((await queue.getJob(job.id))?.attemptsMade ?? 0) >= 2);
    expect(runs).toBe(0);
    await lease.release();
    expect(await job.finished()).toBe('done');
    expect(runs).toBe(1);
    const last = await other.acquire('job');
    await expect((await queue.add({})).finished()).rejects.toThrow('is held');
    await last.release();
  });
});
