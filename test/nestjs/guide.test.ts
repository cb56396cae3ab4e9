/**
 * The examples of the Distributed Locking Guide, word for word. The decorator's option names, units and
 * defaults are the guide's; only the path of the import differs.
 */
import { describe, expect, it } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression, ScheduleModule } from '@nestjs/schedule';
import { currentLease, LockManager, memoryNode } from '../../src/index.js';
import { DistributedLock } from '../../src/nestjs/index.js';
import { start } from './support.js';

const done: string[] = [];
const service = (name: string) => ({
  sync: async () => done.push(`${name}.sync`),
  run: async () => done.push(`${name}.run`),
  check: async () => done.push(`${name}.check`),
});

@Injectable()
export class TasksService {
  @Cron(CronExpression.EVERY_HOUR)
  @DistributedLock({ key: 'hourly-task', ttl: 300 })
  async handleHourlyTask() {
    // This will only run on one worker instance
    done.push('Processing hourly task...');
  }
}

@Injectable()
class Examples {
  readonly dataService = service('data');
  readonly cleanupService = service('cleanup');
  readonly healthService = service('health');
  readonly logger = new Logger('Examples');

  // prettier-ignore
  @Cron(CronExpression.EVERY_HOUR)
  @DistributedLock({ 
    key: 'sync-data', 
    ttl: 300  // 5 minutes
  })
  async syncData() {
    // Sync completes in ~2 minutes
    await this.dataService.sync();
  }

  // prettier-ignore
  @Cron('0 2 * * *') // Daily at 2 AM
  @DistributedLock({ 
    key: 'daily-cleanup', 
    ttl: 3600  // 1 hour
  })
  async dailyCleanup() {
    // Cleanup takes ~30 minutes
    await this.cleanupService.run();
  }

  // prettier-ignore
  @Cron(CronExpression.EVERY_30_SECONDS)
  @DistributedLock({ 
    key: 'health-check',
    ttl: 30,
    retries: 3,      // Retry 3 times
    retryDelay: 500  // Wait 500ms between retries
  })
  async healthCheck() {
    await this.healthService.check();
  }

  // prettier-ignore
  @DistributedLock({ key: 'task', ttl: 600 })  // 10 minutes
  async longTask() {
    // Takes ~5 minutes
  }

  // prettier-ignore
  // Optional: Very fast task
  @Cron(CronExpression.EVERY_30_SECONDS)
  // No lock needed - runs fast, low risk
  async quickHealthCheck() {
    this.logger.debug('Health check OK');
  }

  @DistributedLock({ key: 'my-task', ttl: 300 })
  async myTask() {
    // This code only runs if lock is acquired If another instance has the lock, this method won't execute
    await this.processData();
  }

  async processData(): Promise<void> {
    done.push(`processed under ${currentLease()?.resources[0]}`);
  }

  @DistributedLock({ key: 'defaults' })
  async defaults(): Promise<number> {
    return currentLease()!.remainingMs();
  }
}

describe('the guide', () => {
  const imports = [ScheduleModule.forRoot()];

  it('the examples of the guide run unchanged', async () => {
    const { app, log, events } = await start({ imports, providers: [TasksService, Examples] });
    const examples = app.get(Examples);
    await app.get(TasksService).handleHourlyTask();
    await examples.syncData();
    await examples.dailyCleanup();
    await examples.healthCheck();
    await examples.longTask();
    await examples.quickHealthCheck();
    await examples.myTask();
    expect(done).toEqual([
      'Processing hourly task...',
      'data.sync',
      'cleanup.run',
      'health.check',
      'processed under my-task',
    ]);
    expect(log.of('DistributedLock', 'log')).toEqual(
      // The test calls the methods with @Cron, and not the scheduler.
      ['hourly-task', 'sync-data', 'daily-cleanup', 'health-check']
        .map((key) => `Lock acquired: ${key} (attempt 1, manual run)`)
        .concat(['task', 'my-task'].map((key) => `Lock acquired: ${key} (attempt 1)`)),
    );
    expect(events).toContainEqual({ type: 'declared', name: 'daily-cleanup' });
  });

  it('the defaults of the guide are a ttl of a minute and no retry', async () => {
    const node = memoryNode();
    const [first, second] = [
      await start({ providers: [Examples] }, { nodes: [node] }),
      await start({ providers: [Examples] }, { nodes: [node] }),
    ];
    const remainingMs = await first.app.get(Examples).defaults();
    expect(remainingMs).toBeGreaterThan(30_000);
    expect(remainingMs).toBeLessThanOrEqual(60_000);
    const held = await first.app.get(LockManager).acquire('defaults');
    expect(await second.app.get(Examples).defaults()).toBeUndefined();
    const attempts = second.events.filter((event) => event.type === 'vote' && event.op === 'acquire');
    expect(attempts).toHaveLength(1);
    await held.release();
  });
});
