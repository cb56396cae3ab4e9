import { setTimeout as sleep } from 'node:timers/promises';
import { InjectQueue } from '@nestjs/bullmq';
import { Controller, Param, Post } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { currentLease } from 'quorlock';
import { DistributedLock } from 'quorlock/nestjs';

const PAYMENT_MS = 500;

@Controller('invoices')
export class InvoicesController {
  constructor(@InjectQueue('mails') private readonly mails: Queue) {}

  /** A second request for the same invoice gets 409 with Retry-After while this one goes on. */
  @Post(':id/pay')
  @DistributedLock({ key: (id: string) => `invoice:${id}`, ttl: 10 })
  async pay(@Param('id') id: string): Promise<{ id: string; token: number | undefined }> {
    await sleep(PAYMENT_MS, undefined, { signal: currentLease()?.signal });
    await this.mails.add('receipt', { invoice: id }, { removeOnComplete: true });
    return { id, token: currentLease()?.token };
  }
}
