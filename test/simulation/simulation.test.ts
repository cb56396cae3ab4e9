// slow: it lives through hundreds of worlds.
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { simulate, type Outcome, type SimulationOptions } from './simulate.js';
import { WORLDS, type Worlds } from './mutations.js';

/** Worlds of a minute each; `npm run simulate` lives through thousands. */
const FIXED_SEEDS = 25;
const FRESH_SEEDS = 5;
const HALF_MS = 30_000;

const told = ({ seed, violations }: Outcome): string[] =>
  violations.map(({ invariant, at, detail }) => `seed ${seed}, ${at.toFixed(1)} ms, ${invariant}: ${detail}`);

async function live(seeds: readonly number[], options: SimulationOptions = {}): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const seed of seeds) outcomes.push(await simulate(seed, options));
  return outcomes;
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, at) => first + at);

describe('a simulated world', () => {
  const { stackTraceLimit } = Error;
  // Thousands of acquisitions are refused, and nobody reads where.
  beforeAll(() => void (Error.stackTraceLimit = 0));
  afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

  it('keeps every promise, whatever goes wrong inside the promise', async () => {
    const outcomes = await live(from(1, FIXED_SEEDS));
    expect(outcomes.flatMap(told)).toEqual([]);
    const sum = (of: (outcome: Outcome) => number): number =>
      outcomes.reduce((total, one) => total + of(one), 0);
    // It would be easy to keep promises in a world in which nothing happens.
    expect(sum(({ grants }) => grants)).toBeGreaterThan(1_000);
    expect(sum(({ ticksDue }) => ticksDue)).toBeGreaterThan(10);
    expect(sum(({ writesRefused }) => writesRefused)).toBeGreaterThan(100);
  });

  it('keeps them with seeds that nobody has tried', async () => {
    // A failure names its seed: npm run simulate -- --seed N --seeds 1 --trace
    expect((await live(from(randomInt(1_000_000, 2 ** 31), FRESH_SEEDS))).flatMap(told)).toEqual([]);
  });

  it.each(Object.keys(WORLDS).filter((name) => name !== 'hasty') as Worlds[])(
    'keeps them where rare states are common: %s',
    async (name) => {
      expect((await live(from(1, 2), { world: WORLDS[name], durationMs: HALF_MS })).flatMap(told)).toEqual(
        [],
      );
    },
  );

  it('gives out growing tokens even where the clocks of nodes go many times too fast', async () => {
    const outcomes = await live(from(1, 2), { world: WORLDS.hasty, durationMs: HALF_MS / 2 });
    const tokens = ['tokens grow', 'no stale write accepted'];
    expect(outcomes.flatMap(({ violations }) => violations.map(({ invariant }) => invariant))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(tokens.join('|'))]),
    );
  });

  it('is the same for the same seed, and another for another', async () => {
    const [once, again, other] = await live([7, 7, 8]);
    expect(again!.hash).toBe(once!.hash);
    expect(again!.events).toBe(once!.events);
    expect(other!.hash).not.toBe(once!.hash);
  });

  it('is the same whether or not its story is kept', async () => {
    const [short] = await live([9]);
    const [long] = await live([9], { trace: true });
    expect(long!.hash).toBe(short!.hash);
    expect(long!.trace.length).toBeGreaterThan(1_000);
  });
});
