/**
 * A worker process of leader-election.test.ts: a Nest application that stands for an election on the servers
 * in NODES (JSON). It reports each beginning and end of its leadership with the time of a clock that all
 * processes share.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { currentLease, LockManager, type NodeSource } from '../../src/index.js';
import { QuorlockModule, RunOnLeader } from '../../src/nestjs/index.js';
import { ELECTION, type LeaderReport } from './leader-report.js';

const { NODES = '[]', TTL_MS = '0' } = process.env;
const report = (message: LeaderReport): void => void process.send?.(message);
const at = (): number => Number(process.hrtime.bigint() / 1_000n);

class Reports {
  @RunOnLeader(ELECTION, { ttl: Number(TTL_MS) / 1_000 })
  async write(): Promise<number | undefined> {
    return currentLease()?.token;
  }
}

class AppModule {}
Module({
  imports: [
    QuorlockModule.forRoot({
      nodes: JSON.parse(NODES) as NodeSource[],
      nodeTimeoutMs: Math.min(2_000, Math.floor(Number(TTL_MS) / 3)),
      restartQuarantine: 'off',
      logLevel: 'none',
    }),
  ],
  providers: [Reports],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
app.get(LockManager).subscribe((event) => {
  if (event.type === 'elected') report({ type: 'elected', token: event.token!, at: at() });
  if (event.type === 'deposed') report({ type: 'deposed', token: event.token!, at: at() });
  if (event.type === 'waiting') report({ type: 'waiting' });
});
process.on('message', () => {
  void app
    .get(Reports)
    .write()
    .then((token) => report({ type: 'wrote', token }));
});
process.on('SIGTERM', () => void app.close().then(() => process.exit(0)));
