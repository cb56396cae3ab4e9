import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { agreeOn, COUNTER_AHEAD_MS, highestCounterFor, tokenOf } from '../../src/core/fencing.js';
import { explore, runHolder, type HolderRun } from './fencing-model.js';
import { granted, wordsOver } from './votes.js';

const grants = (...counters: number[]) => counters.map((counter) => granted(counter));

describe('tokenOf and agreeOn', () => {
  it.each<[string, number[], number, boolean]>([
    ['grants with the same counter agree on the token: one round trip is enough', [7, 7, 7], 7, true],
    [
      'if a node missed the last holder, the highest counter is the token and must be confirmed',
      [7, 6],
      7,
      false,
    ],
    ['the highest counter is the token in any order of the grants', [5, 9, 7], 9, false],
    ['the grant of a single node agrees with itself', [4], 4, true],
    [
      'tokens from counters in microseconds keep every digit',
      [1_790_000_000_000_001, 1_790_000_000_000_000],
      1_790_000_000_000_001,
      false,
    ],
    ['without fencing the token is 0', [0, 0], 0, true],
  ])('%s', (_claim, counters, token, agreed) => {
    expect(tokenOf(grants(...counters))).toBe(token);
    expect(agreeOn(token, grants(...counters))).toBe(agreed);
  });

  it('the token is the highest counter, and grants agree on it if all counters are equal', () => {
    const counter = fc.nat(2 ** 52);
    fc.assert(
      fc.property(fc.array(fc.oneof(counter, fc.nat(3)), { minLength: 1, maxLength: 9 }), (counters) => {
        const token = tokenOf(grants(...counters));
        expect(token).toBe([...counters].sort((a, b) => a - b).at(-1));
        expect(agreeOn(token, grants(...counters))).toBe(new Set(counters).size === 1);
      }),
    );
  });
});

describe('fencing tokens of successive holders', () => {
  const rule = { confirm: 'on a majority' } as const;

  it('tokens increase on 3 nodes, in all runs of 6 holders', () => {
    const { states, violation } = explore([0, 0, 0], 6, rule);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(100);
  });

  it('tokens increase from any counters that the nodes start with, in all runs of 4 holders', () => {
    for (const start of wordsOver([0, 1, 2, 3], 3)) {
      expect([start, explore(start, 4, rule).violation]).toEqual([start, undefined]);
    }
  });

  it('without the confirm step tokens repeat with three holders: the checker finds it', () => {
    expect(explore([0, 0, 0], 2, { confirm: 'never' }).violation).toBeUndefined();
    const tokens = explore([0, 0, 0], 3, { confirm: 'never' }).violation ?? [];
    expect(tokens.length).toBeGreaterThan(1);
    expect(tokens.at(-1)).toBe(tokens.at(-2));
  });

  it('without the confirm step tokens repeat when each of the three pairs of nodes grants once', () => {
    const pairs = [
      [0, 1],
      [0, 2],
      [1, 2],
    ];
    let counters: readonly number[] = [0, 0, 0];
    const tokens = pairs.map((pair) => {
      const after = runHolder(
        counters,
        { granting: pair, deciding: pair, reached: pair },
        { confirm: 'never' },
      );
      counters = after.counters;
      return after.token;
    });
    expect(tokens).toEqual([1, 2, 2]);
  });

  it('if one confirmation counts as enough tokens repeat: the checker finds it', () => {
    const { violation } = explore([0, 0, 0], 6, { confirm: 'on one node' });
    expect(violation).toBeDefined();
  });

  it('tokens increase on 5 nodes in random runs', () => {
    const nodes = fc.subarray([0, 1, 2, 3, 4]);
    const holder: fc.Arbitrary<HolderRun> = fc
      .tuple(nodes, nodes)
      .chain(([granting, reached]) =>
        (granting.length < 3
          ? fc.constant([])
          : fc.oneof(
              { weight: 1, arbitrary: fc.constant([]) },
              { weight: 5, arbitrary: majorityOf(granting) },
            )
        ).map((deciding) => ({ granting, deciding, reached })),
      );
    const majorityOf = (granting: number[]): fc.Arbitrary<number[]> =>
      fc.shuffledSubarray(granting, { minLength: 3, maxLength: 3 });
    const start = fc.array(fc.nat(4), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(start, fc.array(holder, { maxLength: 20 }), (counters, holders) => {
        const tokens: number[] = [];
        let now: readonly number[] = counters;
        for (const run of holders) {
          const after = runHolder(now, run, rule);
          now = after.counters;
          if (after.token === undefined) continue;
          if (tokens.length > 0) expect(after.token).toBeGreaterThan(tokens.at(-1)!);
          tokens.push(after.token);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

it.each<[string, readonly (number | undefined)[], number]>([
  ['the clocks agree', [1_000, 1_000, 1_000], 1_000],
  ['one clock is ahead: the others bound it', [1_000, 1_000, 90_000], 1_000],
  ['one clock is behind: the others do without it', [1_000, 1_000, -90_000], 1_000],
  ['two of five clocks are ahead', [1_000, 90_000, 1_000, 80_000, 1_000], 1_000],
  ['a majority is ahead', [1_000, 90_000, 80_000], 80_000],
  ['only one clock is known', [1_000, undefined, undefined], Number.POSITIVE_INFINITY],
])('the highest counter that a majority takes is bounded by its clocks: %s', (_what, nodesMs, boundMs) => {
  const majority = Math.floor(nodesMs.length / 2) + 1;
  expect(highestCounterFor(nodesMs, majority)).toBe((boundMs + COUNTER_AHEAD_MS + 1_000) * 1_000);
});
