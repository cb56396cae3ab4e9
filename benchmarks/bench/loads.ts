/** The loads that a worker puts on a lock. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { BenchLock } from './adapter.js';
import { BENCH_NAME } from './names.js';
import {
  nowNs,
  type Answer,
  type ClosedTask,
  type ContendTask,
  type Figures,
  type Hold,
  type HoldTask,
  type KeepTask,
  type KeysTask,
  type OpenTask,
  type Task,
} from './tasks.js';

const TTL_MS = 10_000;
/** The time that cycles under way at the end of a measurement have to end. */
const DRAIN_MS = 1_000;
/** A cycle that is this old when the measurement ends counts with its age at that time. */
const OLD_MS = 250;
/**
 * Names per loop: enough that cycles do not meet, and few enough that the memory of the nodes stays small.
 */
const NAMES = 16;

const HOLD_ATTEMPTS = 10;

let memoryBefore = { heap: 0, rss: 0 };
let kept: { isLost(): boolean }[] = [];

export async function perform(lock: BenchLock, task: Task): Promise<Answer> {
  switch (task.kind) {
    case 'closed':
      return { figures: await closed(lock, task) };
    case 'open':
      return { figures: await open(lock, task) };
    case 'contend':
      return contend(lock, task);
    case 'hold':
      return { figures: await hold(lock, task) };
    case 'keep':
      return { figures: await keepOn(task) };
    case 'keys':
      return { figures: await keys(lock, task) };
  }
}

async function closed(lock: BenchLock, { inFlight, warmMs, ms, cycles }: ClosedTask): Promise<Figures> {
  const latencies: number[] = [];
  const begun = new Float64Array(inFlight);
  let measuring = cycles !== undefined;
  let over = false;
  let errors = 0;
  let left = cycles ?? Infinity;
  const loop = async (slot: number): Promise<void> => {
    for (let n = 0; !over && left > 0; n++) {
      left--;
      const began = performance.now();
      begun[slot] = began;
      try {
        const lease = await lock.acquire(`${BENCH_NAME}:${process.pid}:${slot}:${n % NAMES}`, {
          ttlMs: TTL_MS,
        });
        await lease.release();
        if (measuring) latencies.push(performance.now() - began);
      } catch {
        errors++;
        await turn();
      }
    }
    begun[slot] = Infinity;
  };
  const loops = Promise.all(Array.from({ length: inFlight }, (_, slot) => loop(slot)));
  if (cycles === undefined) await sleep(warmMs);
  measuring = true;
  const cpu = process.cpuUsage();
  const from = performance.now();
  if (cycles === undefined) await sleep(ms);
  else await loops;
  const used = process.cpuUsage(cpu);
  const to = performance.now();
  measuring = false;
  over = true;
  const ages = [...begun].map((began) => to - began).filter((age) => age > OLD_MS);
  await Promise.race([loops, sleep(DRAIN_MS)]);
  const count = latencies.length;
  return {
    perSecond: (count * 1_000) / (to - from),
    ...percentiles([...latencies, ...ages]),
    ...(count > 0 ? { cpuUs: (used.user + used.system) / count } : {}),
    cycles: count,
    errors,
    unfinished: ages.length,
  };
}

async function open(lock: BenchLock, { rate, warmMs, ms }: OpenTask): Promise<Figures> {
  const latencies: number[] = [];
  const outstanding = new Map<number, number>();
  let errors = 0;
  const from = performance.now() + warmMs;
  const to = from + ms;
  const cycle = async (n: number, due: number): Promise<void> => {
    const isMeasured = due >= from;
    if (isMeasured) outstanding.set(n, due);
    try {
      const lease = await lock.acquire(`${BENCH_NAME}:${n % 16_384}`, { ttlMs: TTL_MS });
      await lease.release();
      if (isMeasured) latencies.push(performance.now() - due);
    } catch {
      errors++;
    }
    outstanding.delete(n);
  };
  const gap = 1_000 / rate;
  let due = performance.now();
  // Timers are only exact to a millisecond, so the event loop turns between arrivals.
  for (let n = 0; due < to; await turn()) {
    for (const now = performance.now(); due <= now && due < to; due += gap) void cycle(n++, due);
  }
  for (const end = performance.now() + DRAIN_MS; outstanding.size > 0 && performance.now() < end;) {
    await sleep(5);
  }
  const now = performance.now();
  const ages = [...outstanding.values()].map((began) => now - began);
  return {
    perSecond: (latencies.length * 1_000) / ms,
    ...percentiles([...latencies, ...ages]),
    errors,
    unfinished: ages.length,
  };
}

async function contend(lock: BenchLock, task: ContendTask): Promise<Answer> {
  const { resources, waiters, first, holdMs, untilNs } = task;
  const holds: Hold[] = [];
  let errors = 0;
  const waiter = async (index: number): Promise<void> => {
    const resource = resources[(first + index) % resources.length] ?? '';
    while (nowNs() < untilNs) {
      try {
        const lease = await lock.acquire(resource, { ttlMs: TTL_MS, waitMs: 60_000 });
        const acquired = nowNs();
        if (holdMs > 0) await sleep(holdMs);
        const released = nowNs();
        holds.push([index, acquired, released]);
        await lease.release();
      } catch {
        errors++;
        await turn();
      }
    }
  };
  const loops = Array.from({ length: waiters }, (_, index) => waiter(index));
  const msLeft = (untilNs - nowNs()) / 1e6;
  // Loops that wait for ever without getting the lock are left alone.
  await Promise.race([Promise.all(loops), sleep(msLeft + 50)]);
  return { figures: { errors }, holds };
}

const extendsByItself = (lock: BenchLock): lock is BenchLock & Required<Pick<BenchLock, 'keep'>> =>
  lock.keep !== undefined;

async function hold(lock: BenchLock, { count, ttlMs }: HoldTask): Promise<Figures> {
  if (!extendsByItself(lock)) throw new Error('it does not extend by itself');
  kept = [];
  const before = memory();
  let errors = 0;
  await inParallel(count, async (n) => {
    for (let attempt = 1; ; attempt++) {
      try {
        kept.push(await lock.keep(`${BENCH_NAME}:held:${n}`, ttlMs));
        return;
      } catch (error) {
        errors++;
        if (attempt === HOLD_ATTEMPTS) throw error;
        // Keys that the failed attempt left on the nodes expire with its TTL.
        await sleep(500);
      }
    }
  });
  memoryBefore = before;
  return { errors };
}

async function keepOn({ ms }: KeepTask): Promise<Figures> {
  const cpu = process.cpuUsage();
  await sleep(ms);
  const used = process.cpuUsage(cpu);
  const { heap, rss } = memory();
  return {
    cpuSeconds: ((used.user + used.system) / 1e6) * (30_000 / ms),
    heapBytes: (heap - memoryBefore.heap) / kept.length,
    rssBytes: (rss - memoryBefore.rss) / kept.length,
    lost: kept.filter((one) => one.isLost()).length,
  };
}

async function keys(lock: BenchLock, { count }: KeysTask): Promise<Figures> {
  await inParallel(count, async (n) => {
    const lease = await lock.acquire(`${BENCH_NAME}:${String(n).padStart(8, '0')}`, { ttlMs: TTL_MS });
    await lease.release();
  });
  return {};
}

async function inParallel(count: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(count, 128) }, async () => {
      while (next < count) await act(next++);
    }),
  );
}

/** The heap in use after a garbage collection. */
function memory(): { heap: number; rss: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss };
}

function percentiles(values: number[]): Figures {
  if (values.length === 0) return {};
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}
