import type { Job, Report, WorkerMessage } from './job.js';
import { quantile } from './statistics.js';
import { subjectOf, type Locker } from './subjects.js';

const TTL_MS = 30_000;
/** Resources that one loop goes through, so that no two loops ever meet. */
const OWN_RESOURCES = 50;

const now = (): number => performance.now();
/** The same clock in all processes of a machine. */
const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const tell = (message: WorkerMessage): void => void process.send?.(message);

function latencies(all: number[]): Record<string, number> {
  all.sort((a, b) => a - b);
  return { p50: quantile(all, 0.5), p99: quantile(all, 0.99) };
}

const cpuUs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return user + system;
};

async function cycles(locker: Locker, job: Extract<Job, { kind: 'cycles' }>): Promise<Report> {
  let done = 0;
  let failures = 0;
  let over = false;
  const spent: number[] = [];
  const loop = async (index: number): Promise<void> => {
    for (let turn = 0; !over; turn++) {
      const begin = now();
      try {
        const release = await locker.acquire(`r:${index}:${turn % OWN_RESOURCES}`, TTL_MS);
        await release();
        done++;
        spent.push(now() - begin);
      } catch {
        failures++;
        // Whoever fails at once must not starve the timers that end this.
        await sleep(1);
      }
    }
  };
  void Promise.all(Array.from({ length: job.inFlight }, (_, index) => loop(index)));
  await sleep(job.warmMs);
  done = failures = spent.length = 0;
  const cpu = process.cpuUsage();
  const begin = now();
  await sleep(job.ms);
  const elapsedMs = now() - begin;
  const figures = { perSecond: (done / elapsedMs) * 1_000, cpuUs: cpuUs(cpu) / done, failures };
  over = true;
  return { figures: { ...figures, ...latencies([...spent]) } };
}

async function openLoad(locker: Locker, job: Extract<Job, { kind: 'open load' }>): Promise<Report> {
  const spent: number[] = [];
  let failures = 0;
  let sent = 0;
  let begin = now();
  const one = async (index: number, dueAt: number): Promise<void> => {
    try {
      const release = await locker.acquire(`o:${index % 20_000}`, TTL_MS);
      await release();
      spent.push(now() - dueAt);
    } catch {
      failures++;
    }
  };
  const run = async (ms: number): Promise<void> => {
    begin = now();
    sent = 0;
    while (now() - begin < ms) {
      const due = Math.floor(((now() - begin) / 1_000) * job.perSecond);
      // From the instant at which it was to arrive, not from that at which there was time for it.
      for (; sent < due; sent++) void one(sent, begin + (sent / job.perSecond) * 1_000);
      await sleep(1);
    }
  };
  await run(job.warmMs);
  await sleep(100);
  spent.length = failures = 0;
  await run(job.ms);
  const asked = sent;
  await sleep(500);
  return { figures: { ...latencies(spent), failures, unfinished: asked - spent.length - failures } };
}

async function contended(locker: Locker, job: Extract<Job, { kind: 'contended' }>): Promise<Report> {
  const holds: [number, number, number][] = [];
  let failures = 0;
  let over = false;
  const loop = async (waiter: number): Promise<void> => {
    while (!over) {
      try {
        const release = await locker.acquire('contended', TTL_MS);
        const gotAt = machineMs();
        if (job.holdMs > 0) await sleep(job.holdMs);
        const releasedAt = machineMs();
        const releasing = release();
        if (!over) holds.push([waiter, gotAt, releasedAt]);
        await releasing;
      } catch {
        failures++;
        await sleep(1);
      }
    }
  };
  const cpu = process.cpuUsage();
  void Promise.all(Array.from({ length: job.waiters }, (_, index) => loop(index)));
  await sleep(job.ms);
  over = true;
  return { figures: { failures, cpuUs: cpuUs(cpu) }, holds: holds.slice() };
}

async function held(locker: Locker, job: Extract<Job, { kind: 'held' }>): Promise<Report> {
  globalThis.gc?.();
  const before = process.memoryUsage();
  let next = 0;
  let failures = 0;
  const releases: unknown[] = [];
  const acquire = async (): Promise<void> => {
    while (next < job.leases) {
      const index = next++;
      await locker.acquire(`h:${index}`, job.ttlMs).then(
        (release) => void releases.push(release),
        () => failures++,
      );
    }
  };
  await Promise.all(Array.from({ length: 128 }, acquire));
  globalThis.gc?.();
  const after = process.memoryUsage();
  const cpu = process.cpuUsage();
  const begin = now();
  await sleep(job.ms);
  const perLease = (bytes: number): number => bytes / Math.max(1, releases.length);
  return {
    figures: {
      failures,
      cpuSIn30S: (cpuUs(cpu) / 1e6 / (now() - begin)) * 30_000,
      heapPerLease: perLease(after.heapUsed - before.heapUsed),
      rssPerLease: perLease(after.rss - before.rss),
    },
  };
}

async function keys(locker: Locker, job: Extract<Job, { kind: 'keys' }>): Promise<Report> {
  let next = 0;
  const cycle = async (): Promise<void> => {
    while (next < job.keys) await (await locker.acquire(`key:${String(next++).padStart(10, '0')}`, TTL_MS))();
  };
  await Promise.all(Array.from({ length: 128 }, cycle));
  return { figures: {} };
}

function work(locker: Locker, job: Job): Promise<Report> {
  switch (job.kind) {
    case 'cycles':
      return cycles(locker, job);
    case 'open load':
      return openLoad(locker, job);
    case 'contended':
      return contended(locker, job);
    case 'held':
      return held(locker, job);
    case 'keys':
      return keys(locker, job);
  }
}

// What a library leaves unhandled is its own affair; the figures tell.
process.on('unhandledRejection', () => undefined);

let begin: (() => Promise<Report>) | undefined;

async function obey(message: Job | 'go'): Promise<WorkerMessage> {
  if (message === 'go') {
    if (begin === undefined) throw new Error('go before a job');
    return { report: await begin() };
  }
  const locker = await subjectOf(message.subject).open(message.sockets, message.setting);
  begin = () => work(locker, message);
  return { ready: true };
}

process.on('message', (message: Job | 'go') => {
  obey(message).then(tell, (error: unknown) => tell({ failure: String(error) }));
});
