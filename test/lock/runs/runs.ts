import type { Lease, LockEvent, RunOnceOptions, TickSchedule } from '../../../src/index.js';
import type { VirtualWorld } from '../../support/virtual-world.js';

export const KEY = 'nightly';
export const HOUR = 3_600_000;

/** Ticks at every full hour. */
export const HOURLY: TickSchedule = {
  latest: (atMs) => Math.floor(atMs / HOUR) * HOUR,
  next: (afterMs) => (Math.floor(afterMs / HOUR) + 1) * HOUR,
};

/** Lets time pass until a tick is due, and gives the tick. */
export async function nextTick(world: VirtualWorld): Promise<number> {
  const { wallMs } = world.clock.stamp();
  const tick = HOURLY.next(wallMs)!;
  await world.clock.advance(tick - wallMs);
  return tick;
}

/** What a worker's timer asks for at a tick. */
export const at = (tick: number, options: Partial<RunOnceOptions> = {}): RunOnceOptions => ({
  key: KEY,
  tick,
  nextTick: tick + HOUR,
  ttlMs: 10_000,
  ...options,
});

/**
 * A worker that started a tick and died: nobody extends its lease, and nobody records the end of its run.
 * Gives the lease, whose last sign of life may come later.
 */
export async function abandon(world: VirtualWorld, tick: number, ttlMs = 10_000): Promise<Lease> {
  const dead = world.manager({ holder: 'dead' });
  return world.clock.until(dead.acquire(KEY, { tick, ttlMs, autoExtend: false }));
}

/** Resolves after so many milliseconds of the world's clock. */
export const pause = (world: VirtualWorld, delayMs: number): Promise<void> =>
  new Promise((resolve) => void world.clock.setTimer(resolve, delayMs));

/** The events about runs and ticks, in one line each. */
export const told = (world: VirtualWorld): string[] => world.events.flatMap((event) => lineOf(event) ?? []);

function lineOf(event: LockEvent): string | undefined {
  switch (event.type) {
    case 'run_started':
      return `${event.worker} starts ${event.attempt}`;
    case 'run_finished':
      return `${event.worker} ${event.outcome}`;
    case 'run_overrun':
    case 'manual_run':
      return `${event.worker} ${event.type}`;
    case 'tick_missed':
    case 'tick_abandoned':
      return `${event.worker} ${event.type} ${event.reason}`;
    default:
      return undefined;
  }
}
