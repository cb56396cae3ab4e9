/** A user's test in Jest without configuration, which only knows CommonJS. */
const { NestFactory } = require('@nestjs/core');
const { LockManager } = require('quorlock');
const { AppModule, JobsService } = require('./out/app.module.js');

test('a locked job runs', async () => {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  const jobs = app.get(JobsService);
  await jobs.report();
  expect(jobs.tokens[0]).toBeGreaterThan(0);
  expect(app.get(LockManager)).toBeInstanceOf(LockManager);
  await app.close();
});
