/**
 * A worker process of schedulers.test.ts: a job of every second of the scheduler in SCHEDULER, on the servers
 * in NODES (JSON). It reports the tick of each run.
 */
import { CronJob } from 'cron';
import { Cron } from 'croner';
import { nodeCron } from 'node-cron';
import { currentRun, LockManager, type NodeSource } from '../../src/index.js';
import { onceAcrossWorkers } from '../../src/cron/index.js';
import { coordinateWith } from '../../src/node-cron/index.js';

const { NODES = '[]', SCHEDULER = '' } = process.env;
const locks = new LockManager({
  nodes: JSON.parse(NODES) as NodeSource[],
  restartQuarantine: 'off',
  nodeTimeoutMs: 600,
  ttlMs: 2_000,
});
const EVERY_SECOND = '* * * * * *';
const report = (tick: number | undefined): void => void process.send?.(tick ?? 'no tick');
const run = (): void => report(currentRun()?.tick);

const start: Readonly<Record<string, () => void>> = {
  cron: () => {
    const job = new CronJob(EVERY_SECOND, run, null, false, 'UTC');
    onceAcrossWorkers(locks, job, { key: 'cron' });
    job.start();
  },
  croner: () => {
    onceAcrossWorkers(locks, new Cron(EVERY_SECOND, { timezone: 'UTC' }), { key: 'croner' }, run);
  },
  'node-cron': () => {
    coordinateWith(nodeCron, locks);
    const task = { name: 'every-second', distributed: true };
    nodeCron.schedule(EVERY_SECOND, ({ date }) => report(date.getTime()), task);
  },
};
await locks.started();
start[SCHEDULER]!();
process.send?.('up');
