import { Processor, WorkerHost } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Job } from 'bullmq';
import { DistributedLock } from 'quorlock/nestjs';

@Processor('mails')
export class MailsProcessor extends WorkerHost {
  readonly #logger = new Logger('Mails');

  /** While another job of the same invoice runs, this one is delayed. It is never completed without a run. */
  @DistributedLock({ key: (job: Job<{ invoice: string }>) => `mail:${job.data.invoice}`, ttl: 10 })
  async process(job: Job<{ invoice: string }>, _token?: string): Promise<void> {
    this.#logger.log(`receipt of invoice ${job.data.invoice} sent`);
  }
}
