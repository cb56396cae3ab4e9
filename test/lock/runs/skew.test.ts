import { describe, expect, it } from '@jest/globals';
import { LockManager, type RunPolicyOptions } from '../../../src/index.js';
import type { Clock } from '../../../src/testing/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const MINUTE = 60_000;

/** The clock of a worker whose wall clock is wrong by so much. Its timers are right. */
const skewed = (clock: Clock, byMs: number): Clock => ({
  now: () => clock.now(),
  stamp: () => {
    const { monotonicMs, wallMs } = clock.stamp();
    return { monotonicMs, wallMs: wallMs + byMs };
  },
  setTimer: (...timer) => clock.setTimer(...timer),
  afterTurn: (callback) => clock.afterTurn(callback),
});

interface Ran {
  readonly worker: string;
  readonly tick: number;
  readonly from: number;
  to: number;
}

/** What a crew of workers with wrong clocks did. */
class Crew {
  readonly ran: Ran[] = [];
  readonly #world = new VirtualWorld(3);
  readonly #everyMs: number;
  readonly #policy: RunPolicyOptions;

  constructor(everyMs: number, policy: RunPolicyOptions) {
    this.#everyMs = everyMs;
    this.#policy = policy;
  }

  /** A worker whose timer fires at each tick of its own clock, until `stop` is called. */
  add(worker: string, aheadMs: number): { stop: () => Promise<void> } {
    const { clock, nodes } = this.#world;
    const own = skewed(clock, aheadMs);
    const ports = { clock: own, random: () => 0.5 };
    const locks = new LockManager({ nodes, holder: worker, warn: () => undefined }, ports);
    let isStopped = false;
    const fire = (tick: number): void => {
      if (isStopped) return;
      void this.#run(locks, worker, tick);
      const next = tick + this.#everyMs;
      own.setTimer(() => fire(next), next - own.stamp().wallMs);
    };
    const { wallMs } = own.stamp();
    const first = (Math.floor(wallMs / this.#everyMs) + 1) * this.#everyMs;
    own.setTimer(() => fire(first), first - wallMs);
    return {
      stop: async () => {
        isStopped = true;
        await clock.until(locks.close());
      },
    };
  }

  async work(forMs: number): Promise<void> {
    await this.#world.clock.advance(forMs);
  }

  get ticks(): number[] {
    return this.ran.map(({ tick }) => tick);
  }

  /** Ticks that ran twice, that are missing between the first and the last, and runs at the same time. */
  get faults(): { readonly twice: number[]; readonly missing: number[]; readonly overlaps: Ran[] } {
    const ticks = this.ticks.toSorted((a, b) => a - b);
    const [first = 0, last = 0] = [ticks[0], ticks.at(-1)];
    const due = Array.from(
      { length: (last - first) / this.#everyMs + 1 },
      (_, index) => first + index * this.#everyMs,
    );
    const inOrder = this.ran.toSorted((a, b) => a.from - b.from);
    return {
      twice: ticks.filter((tick, index) => tick === ticks[index - 1]),
      missing: due.filter((tick) => !ticks.includes(tick)),
      overlaps: inOrder.filter((run, index) => index > 0 && run.from < inOrder[index - 1]!.to),
    };
  }

  async #run(locks: LockManager, worker: string, tick: number): Promise<void> {
    const { clock } = this.#world;
    const options = { key: 'report', tick, nextTick: tick + this.#everyMs, ttlMs: 900, ...this.#policy };
    const run = locks.runOnce(options, async () => {
      const ran = { worker, tick, from: clock.now(), to: Number.POSITIVE_INFINITY };
      this.ran.push(ran);
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 20));
      ran.to = clock.now();
    });
    await run.catch(() => undefined);
  }
}

const NONE = { twice: [], missing: [], overlaps: [] };
const POLICIES: readonly RunPolicyOptions[] = [
  {},
  { missed: 'once' },
  { abandoned: 'retry' },
  { missed: 'once', abandoned: 'retry', attempts: 3, overlap: 'wait', spreadMs: 100, retryOnError: true },
];

describe.each(POLICIES)('three workers with clocks up to 40 s apart, %j', (policy) => {
  it.each([1_000, 5_000])('run each tick of %i ms once', async (everyMs) => {
    const crew = new Crew(everyMs, policy);
    // When the fast one joins, it takes the latest tick by its clock, and those before it are past for good.
    crew.add('fast', 40_000);
    await crew.work(2 * everyMs);
    for (const [worker, aheadMs] of Object.entries({ right: 0, slow: -40_000 })) crew.add(worker, aheadMs);
    await crew.work(3 * MINUTE);
    expect(crew.faults).toEqual(NONE);
    expect(crew.ran.length).toBeGreaterThanOrEqual((3 * MINUTE) / everyMs - 2);
  });

  it('run on when the fast one ends, and no tick runs again', async () => {
    const crew = new Crew(1_000, policy);
    const fast = crew.add('fast', 40_000);
    crew.add('slow', -40_000);
    await crew.work(MINUTE);
    await fast.stop();
    await crew.work(3 * MINUTE);
    expect(crew.faults).toEqual(NONE);
    expect(new Set(crew.ran.map(({ worker }) => worker))).toEqual(new Set(['fast', 'slow']));
  });
});

it('a deploy of five minutes in which nobody runs costs the ticks of these minutes, and no other', async () => {
  const crew = new Crew(1_000, { missed: 'once' });
  const old = crew.add('old', 0);
  await crew.work(MINUTE);
  await old.stop();
  await crew.work(5 * MINUTE);
  const before = crew.ticks.at(-1)!;
  crew.add('new', -40_000);
  await crew.work(2 * MINUTE);
  const { twice, missing, overlaps } = crew.faults;
  expect({ twice, overlaps }).toEqual({ twice: [], overlaps: [] });
  // The clock of the new one is 40 s behind, so its first tick is that much earlier.
  expect(missing.length).toBeGreaterThanOrEqual(255);
  expect(missing.length).toBeLessThanOrEqual(262);
  expect(missing.every((tick) => tick > before)).toBe(true);
});
