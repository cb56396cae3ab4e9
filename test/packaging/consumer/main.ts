/** Waits for one locked run of the cron job, shuts down, and prints what it saw. */
import { NestFactory } from '@nestjs/core';
import { Registry } from 'prom-client';
import { LockManager } from 'quorlock';
import { lockMetrics } from 'quorlock/prometheus';
import { AppModule, JobsService } from './app.module.js';

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  // The class is the injection token. With two copies of the package, Nest would not find it.
  const locks = app.get(LockManager);
  const register = new Registry();
  locks.subscribe(lockMetrics({ register }));
  const jobs = app.get(JobsService);
  await new Promise<void>((resolve) => (jobs.onRun = resolve));
  await app.close();
  const metrics = await register.getMetricsAsJSON();
  const released = metrics.find(({ name }) => name === 'quorlock_released_total')?.values[0];
  console.log(JSON.stringify({ token: jobs.tokens[0], released, closed: locks.closed }));
}

void main();
