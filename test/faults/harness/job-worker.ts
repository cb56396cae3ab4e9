/**
 * A worker process of `runJobs`: runs both jobs at every second, on the servers in NODES (JSON), and writes
 * down in the file RECORD what it does. A body takes up to HOLD_MS.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  LockError,
  LockManager,
  type CurrentRun,
  type Lease,
  type NodeSource,
  type RunPolicyOptions,
} from '../../../src/index.js';
import { JOBS, TICK_MS, type Job, type JobRecord } from './job-records.js';
import { nowMs } from './records.js';
import { watchStalls } from './stalls.js';

type Content<Kind> = Kind extends unknown ? Omit<Kind, 'at' | 'worker'> : never;

const { NODES = '[]', RECORD = '', NAME = '', HOLD_MS = '600' } = process.env;
const file = openSync(RECORD, 'a');
const note = (content: Content<JobRecord>, at = nowMs()): void =>
  void writeSync(file, `${JSON.stringify({ ...content, at, worker: NAME })}\n`);

/** A stall that is longer than this may cost a lease, or a tick. */
const STALL_MS = 150;
watchStalls({
  stalled: (from, until) => {
    if (until - from > STALL_MS) note({ type: 'stalled', until }, from);
  },
});

const POLICIES: Readonly<Record<Job, RunPolicyOptions>> = {
  once: { missed: 'once', maxLatenessMs: 10_000, overlap: 'wait', history: 1_000 },
  again: {
    ...{ missed: 'once', maxLatenessMs: 10_000, overlap: 'wait', history: 1_000 },
    ...{ abandoned: 'retry', attempts: 100 },
  },
};

const locks = new LockManager({
  nodes: JSON.parse(NODES) as NodeSource[],
  holder: NAME,
  ttlMs: 600,
  warn: () => undefined,
});

locks.subscribe((event) => {
  if (event.type !== 'run_finished' && event.type !== 'tick_missed' && event.type !== 'tick_abandoned')
    return;
  const about = { job: event.name as Job, tick: event.tick, attempt: event.attempt ?? 0 };
  if (event.type === 'tick_missed') note({ ...about, type: 'missed', reason: event.reason });
  if (event.type === 'tick_abandoned') note({ ...about, type: 'abandoned', reason: event.reason });
  if (event.type === 'run_finished' && event.outcome === 'succeeded') note({ ...about, type: 'recorded' });
});

const schedule = {
  latest: (atMs: number) => Math.floor(atMs / TICK_MS) * TICK_MS,
  next: (afterMs: number) => (Math.floor(afterMs / TICK_MS) + 1) * TICK_MS,
};

async function body(job: Job, { tick = 0, attempt = 0 }: CurrentRun, lease: Lease): Promise<void> {
  const about = { job, tick, attempt };
  note({ ...about, type: 'began', token: lease.token });
  for (const end = nowMs() + Math.random() * Number(HOLD_MS); nowMs() < end; await sleep(20)) {
    lease.assertHeld();
    note({ ...about, type: 'still' });
  }
  lease.assertHeld();
  note({ ...about, type: 'ended' });
}

async function run(job: Job, tick: number): Promise<void> {
  try {
    const options = { key: job, tick, nextTick: tick + TICK_MS, ...POLICIES[job] };
    await locks.runOnce(options, (current, lease) => body(job, current, lease));
  } catch (error) {
    // A lost lease, or nodes that did not answer. Anything else is a mistake, and ends the worker.
    if (!(error instanceof LockError)) throw error;
  }
}

function runEverySecond(): void {
  const next = schedule.next(Date.now());
  setTimeout(() => {
    for (const job of JOBS) void run(job, next);
    runEverySecond();
  }, next - Date.now());
}

await locks.started();
for (const key of JOBS) {
  const { missed, maxLatenessMs, abandoned, attempts } = POLICIES[key];
  locks.watchTicks({ key, schedule, missed, maxLatenessMs, abandoned, attempts }, (tick) => run(key, tick));
}
runEverySecond();
note({ type: 'up' });
process.send?.('up');
