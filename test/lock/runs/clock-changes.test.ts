import { describe, expect, it } from '@jest/globals';
import { CronTime } from 'cron';
import {
  LockManager,
  tickSchedule,
  type LockEvent,
  type RunPolicyOptions,
  type TickSchedule,
} from '../../../src/index.js';
import type { Clock } from '../../../src/testing/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { pause } from './runs.js';

const KEY = 'job';
const MINUTE = 60_000;

/** The world's clock, as a machine has it whose wall clock is off by so much. */
const offBy = (world: VirtualWorld, byMs: number): Clock => ({
  now: () => world.clock.now(),
  stamp: () => {
    const { monotonicMs, wallMs } = world.clock.stamp();
    return { monotonicMs, wallMs: wallMs + byMs };
  },
  setTimer: (callback, delayMs) => world.clock.setTimer(callback, delayMs),
  afterTurn: (callback) => world.clock.afterTurn(callback),
});

interface RunOfTick {
  readonly tick: number;
  readonly worker: string;
}

/** A worker whose timer fires at each tick by its own clock, as the packages for schedules do. */
class Worker {
  readonly locks: LockManager;
  /** While it is suspended, its timer fires late: when it wakes. */
  isSuspended = false;
  #isUp = true;

  constructor(
    private readonly world: VirtualWorld,
    readonly name: string,
    skewMs: number,
    private readonly schedule: TickSchedule,
    private readonly policy: RunPolicyOptions,
    private readonly ran: RunOfTick[],
  ) {
    const clock = offBy(world, skewMs);
    const options = { nodes: world.nodes, holder: name, ttlMs: 2_000, warn: () => undefined };
    this.locks = new LockManager(options, { clock, random: () => 0.5 });
    this.locks.subscribe((event: LockEvent) => world.events.push(event));
    const { missed, abandoned, attempts } = policy;
    this.locks.watchTicks({ key: KEY, schedule, missed, abandoned, attempts }, (tick) => this.#run(tick));
    void this.#fire(clock);
  }

  /** It is gone, and its nodes stay for the others. */
  stop(): void {
    this.#isUp = false;
    this.locks.drain();
  }

  async #fire(clock: Clock): Promise<void> {
    while (this.#isUp) {
      const { wallMs } = clock.stamp();
      const next = this.schedule.next(wallMs);
      if (next === undefined) return;
      await pause(this.world, next - wallMs + 2);
      while (this.isSuspended) await pause(this.world, 1_000);
      const tick = this.schedule.latest(clock.stamp().wallMs);
      if (this.#isUp && tick !== undefined) void this.#run(tick);
    }
  }

  async #run(tick: number): Promise<void> {
    const nextTick = this.schedule.next(tick);
    const options = { key: KEY, tick, nextTick, ...this.policy };
    try {
      await this.locks.runOnce(options, () => void this.ran.push({ tick, worker: this.name }));
    } catch (error) {
      if (!this.locks.closed) throw error;
    }
  }
}

const every = (ms: number): TickSchedule => ({
  latest: (atMs) => Math.floor(atMs / ms) * ms,
  next: (afterMs) => (Math.floor(afterMs / ms) + 1) * ms,
});

const ticksOf = (ran: readonly RunOfTick[]): number[] => ran.map(({ tick }) => tick);

/** Each tick from the first to the last has run, and none twice. */
function expectEachOnce(ran: readonly RunOfTick[], schedule: TickSchedule): void {
  const ticks = ticksOf(ran).toSorted((a, b) => a - b);
  expect(new Set(ticks).size).toBe(ticks.length);
  for (let at = 1; at < ticks.length; at++) expect(ticks[at]).toBe(schedule.next(ticks[at - 1]!));
}

describe('a worker that is suspended for ten minutes', () => {
  it('runs no tick that another one has run', async () => {
    const world = new VirtualWorld(3);
    const ran: RunOfTick[] = [];
    const policy: RunPolicyOptions = { missed: 'once', abandoned: 'retry' };
    const [one, two] = ['one', 'two'].map((name) => new Worker(world, name, 0, every(MINUTE), policy, ran));
    await world.clock.advance(5 * MINUTE);
    one!.isSuspended = true;
    await world.clock.advance(10 * MINUTE);
    one!.isSuspended = false;
    await world.clock.advance(5 * MINUTE);
    for (const worker of [one!, two!]) worker.stop();
    expect(ran.length).toBeGreaterThanOrEqual(19);
    expectEachOnce(ran, every(MINUTE));
  });
});

describe('a deploy of five minutes in which nobody runs', () => {
  it.each<[string, RunPolicyOptions, number]>([
    ['the latest missed tick is run late, with once', { missed: 'once', maxLatenessMs: 10 * MINUTE }, 1],
    ['nothing is, by default', {}, 0],
  ])('%s', async (_, policy, caughtUp) => {
    const world = new VirtualWorld(3);
    const before: RunOfTick[] = [];
    const schedule = every(MINUTE);
    const old = ['a', 'b'].map((name) => new Worker(world, name, 0, schedule, policy, before));
    await world.clock.advance(2.5 * MINUTE);
    for (const worker of old) worker.stop();
    await world.clock.advance(5 * MINUTE);
    // Between two ticks.
    const { wallMs } = world.clock.stamp();
    await world.clock.advance(schedule.next(wallMs)! - wallMs + 20_000);
    const after: RunOfTick[] = [];
    const due = schedule.latest(world.clock.stamp().wallMs);
    const fresh = ['c', 'd'].map((name) => new Worker(world, name, 0, schedule, policy, after));
    await world.clock.advance(10_000);
    expect(ticksOf(after)).toEqual(caughtUp === 1 ? [due] : []);
    await world.clock.advance(2 * MINUTE);
    for (const worker of fresh) worker.stop();
    expectEachOnce(before, schedule);
    expectEachOnce(after, schedule);
    expect(ticksOf(before).filter((tick) => ticksOf(after).includes(tick))).toEqual([]);
  });
});

describe('a clock change', () => {
  it.each([
    ['Europe/Berlin', '2026-10-24T22:00:00Z'],
    ['Europe/Berlin', '2026-03-28T23:00:00Z'],
    ['America/New_York', '2026-11-01T04:00:00Z'],
    ['America/New_York', '2026-03-08T05:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T13:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T14:00:00Z'],
  ])('in %s at %s loses no tick and runs none twice', async (zone, from) => {
    const world = new VirtualWorld(3);
    const { wallMs } = world.clock.stamp();
    world.clock.stepWall(Date.parse(from) - wallMs);
    const time = new CronTime('0 */10 * * * *', zone);
    const schedule = tickSchedule((afterMs) => time.getNextDateFrom(new Date(afterMs), zone).toMillis());
    const ran: RunOfTick[] = [];
    const workers = [-20_000, 0, 20_000].map(
      (skew, index) => new Worker(world, `w${index}`, skew, schedule, { missed: 'once' }, ran),
    );
    await world.clock.advance(5 * 60 * MINUTE);
    for (const worker of workers) worker.stop();
    const ticks = ticksOf(ran).toSorted((a, b) => a - b);
    expect(new Set(ticks).size).toBe(ticks.length);
    const expected: number[] = [];
    for (let tick = ticks[0]!; tick <= ticks.at(-1)!; tick = schedule.next(tick)!) expected.push(tick);
    expect(ticks).toEqual(expected);
    expect(ticks.length).toBeGreaterThanOrEqual(26);
  });
});
