/**
 * A worker process of runs.test.ts: a Nest application with a job with the schedule CRON on the servers in
 * NODES (JSON), with the policies in POLICY (JSON). It reports each beginning and end of a run, which takes
 * HOLD_MS.
 */
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { currentRun, type NodeSource } from '../../src/index.js';
import { DistributedLock, QuorlockModule, type RunSettings } from '../../src/nestjs/index.js';
import type { RunReport } from './run-report.js';

const { NODES = '[]', POLICY = '{}', HOLD_MS = '0', CRON = '* * * * * *' } = process.env;
const report = (message: RunReport): void => void process.send?.(message);
const at = (): number => Number(process.hrtime.bigint() / 1_000n);

@Injectable()
class Jobs {
  @Cron(CRON, { timeZone: 'UTC' })
  @DistributedLock({ key: 'every-second', ttl: 2, ...(JSON.parse(POLICY) as RunSettings) })
  async run(): Promise<void> {
    const { tick, attempt } = currentRun()!;
    report({ type: 'began', tick: tick!, attempt: attempt!, at: at() });
    await new Promise((resolve) => setTimeout(resolve, Number(HOLD_MS)));
    report({ type: 'ended', tick: tick!, attempt: attempt!, at: at() });
  }
}

@Module({
  imports: [
    ScheduleModule.forRoot(),
    QuorlockModule.forRoot({
      nodes: JSON.parse(NODES) as NodeSource[],
      restartQuarantine: 'off',
      nodeTimeoutMs: 600,
      logLevel: 'none',
    }),
  ],
  providers: [Jobs],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
process.on('SIGTERM', () => void app.close().then(() => process.exit(0)));
report({ type: 'up' });
