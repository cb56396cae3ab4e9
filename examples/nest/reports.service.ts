import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { currentRun } from 'quorlock';
import { DistributedLock } from 'quorlock/nestjs';

@Injectable()
export class ReportsService {
  readonly #logger = new Logger('Reports');

  /** Each tick runs once, on one of all workers. If it dies in the middle, another one runs it again. */
  @Cron(CronExpression.EVERY_SECOND)
  @DistributedLock({ key: 'report', ttl: 10, abandoned: 'retry', attempts: 3 })
  async write(): Promise<void> {
    const tick = currentRun()?.tick ?? 0;
    this.#logger.log(`report of ${new Date(tick).toISOString()}`);
  }
}
