import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Cron, CronExpression, Interval, SchedulerRegistry } from '@nestjs/schedule';
import { DistributedLock } from 'quorlock/nestjs';
import { LONG_JOB, TICK_JOB } from './record.js';
import { journal, settings } from './worker-settings.js';

const { jobs } = settings;

/** The jobs that every worker has. The locks make one worker run each. */
@Injectable()
export class Jobs {
  readonly #over = new AbortController();

  constructor(private readonly schedule: SchedulerRegistry) {}

  /**
   * This job is shorter than the workers' timers are apart. Only the tick, which the lock remembers, prevents
   * a second run. The threshold makes cron run a fire late on a busy machine, instead of dropping it.
   */
  @Cron(CronExpression.EVERY_SECOND, { name: TICK_JOB, threshold: 900 })
  @DistributedLock({ key: TICK_JOB, ttl: `${jobs.tickTtlMs}ms` })
  async everySecond(): Promise<void> {
    await journal.run(TICK_JOB, async () => {
      await sleep(5);
      return 'done';
    });
  }

  /** This job runs for several TTLs. A worker that does not get the lock tries again at every interval. */
  @Interval(LONG_JOB, jobs.longRetryMs)
  @DistributedLock({ key: LONG_JOB, ttl: `${jobs.longTtlMs}ms` })
  async longJob(): Promise<void> {
    await journal.run(LONG_JOB, async (lost) => {
      const signal = AbortSignal.any([lost, this.#over.signal]);
      await sleep(jobs.longRunMs, undefined, { signal }).catch(() => undefined);
      if (lost.aborted) return 'lost';
      return this.#over.signal.aborted ? 'stopped' : 'done';
    });
  }

  /** Stops the schedule, and ends the running jobs. */
  async finish(): Promise<void> {
    await this.schedule.getCronJob(TICK_JOB).stop();
    this.schedule.deleteInterval(LONG_JOB);
    this.#over.abort();
    while (!journal.idle) await sleep(5);
  }
}
