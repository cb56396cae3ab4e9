/** A user's application. It is compiled and run outside the repository, with the packed tarball. */
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { Cron, CronExpression, ScheduleModule } from '@nestjs/schedule';
import { currentLease, memoryNode } from 'quorlock';
import { DistributedLock, QuorlockModule } from 'quorlock/nestjs';

const sockets = JSON.parse(process.env['SOCKETS'] ?? '[]') as string[];
const nodes = sockets.length > 0 ? sockets.map((path) => ({ path })) : [memoryNode()];

@Injectable()
export class JobsService {
  readonly tokens: number[] = [];
  onRun = (): void => undefined;

  @Cron(CronExpression.EVERY_SECOND)
  @DistributedLock({ key: 'nightly-report', ttl: 5 })
  async report(): Promise<void> {
    const lease = currentLease();
    if (lease) this.tokens.push(lease.token);
    this.onRun();
  }
}

@Module({
  imports: [ScheduleModule.forRoot(), QuorlockModule.forRoot({ nodes })],
  providers: [JobsService],
})
export class AppModule {}
