import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Cron, CronExpression, Interval, SchedulerRegistry } from '@nestjs/schedule';
import { LockManager, type Election } from 'quorlock';
import { DistributedLock } from 'quorlock/nestjs';
import { CATCH_UP_JOB, LEADER_JOB, LONG_JOB, RETRY_JOB, TICK_JOB } from './record.js';
import { journal, settings } from './worker-settings.js';

const { jobs } = settings;
const everySeconds = (ms: number): string => `*/${ms / 1_000} * * * * *`;

/** The jobs that every worker has. The locks make one worker run each. */
@Injectable()
export class Jobs implements OnApplicationBootstrap {
  readonly #over = new AbortController();
  #election: Election | undefined;

  constructor(
    private readonly schedule: SchedulerRegistry,
    private readonly locks: LockManager,
  ) {}

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

  /** A tick that comes while no majority of the nodes is up is run late, unless the next one has come. */
  @Cron(everySeconds(jobs.catchUpEveryMs), { name: CATCH_UP_JOB, threshold: 900 })
  @DistributedLock({
    key: CATCH_UP_JOB,
    ttl: `${jobs.tickTtlMs}ms`,
    missed: 'once',
    maxLateness: `${jobs.catchUpEveryMs}ms`,
  })
  async catchUp(): Promise<void> {
    await journal.run(CATCH_UP_JOB, async () => {
      await sleep(5);
      return 'done';
    });
  }

  /** If its worker dies or loses the lock, another one runs the tick again. */
  @Cron(everySeconds(jobs.retryEveryMs), { name: RETRY_JOB, threshold: 900 })
  @DistributedLock({
    key: RETRY_JOB,
    ttl: `${jobs.retryTtlMs}ms`,
    missed: 'once',
    abandoned: 'retry',
    attempts: 5,
    overlap: 'wait',
    maxLateness: `${jobs.retryEveryMs}ms`,
  })
  async retried(): Promise<void> {
    await journal.run(RETRY_JOB, async (lost) => {
      // Rejects when the lock is lost: only work that was broken off is run again.
      await sleep(jobs.retryRunMs, undefined, { signal: lost });
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

  /** All workers want to lead. In the record, one run is one term of a leader. */
  onApplicationBootstrap(): void {
    this.#election = this.locks.elect(LEADER_JOB, {
      ttlMs: jobs.leaderTtlMs,
      onElected: ({ signal: lost }) =>
        journal.run(LEADER_JOB, async () => {
          const signal = AbortSignal.any([lost, this.#over.signal]);
          if (!signal.aborted)
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          return this.#over.signal.aborted ? 'stopped' : 'lost';
        }),
    });
  }

  /** Stops the schedule, and ends the running jobs. */
  async finish(): Promise<void> {
    for (const job of [TICK_JOB, CATCH_UP_JOB, RETRY_JOB]) await this.schedule.getCronJob(job).stop();
    this.schedule.deleteInterval(LONG_JOB);
    this.#over.abort();
    await this.#election?.stop();
    while (!journal.idle) await sleep(5);
  }
}
