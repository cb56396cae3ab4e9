import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BELIEVED_PART, FENCE_TTL_MS, SHORTEST_FENCE_TTL_MS } from '../../src/core/fencing.js';
import { tokensOf, type Rule, type Step } from './fence-life-model.js';

/** Pauses of all orders: below a millisecond, and around the life of a key. */
const pausesFor = (ttlMs: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constantFrom(0, 0.001, 1),
    fc.constantFrom(0.4, 0.5, 0.6, 0.99, 1, 1.01, 2).map((part) => part * ttlMs),
    fc.integer({ min: 0, max: 5_000 }),
  );

const stepsFor = (ttlMs: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: grantFor(ttlMs) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('burst' as const),
          pauseMs: pausesFor(ttlMs),
          part: fc.constantFrom(0.1, 0.5, 0.9, 0.999),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('return' as const),
          pauseMs: pausesFor(ttlMs),
          grantsAgo: fc.integer({ min: 1, max: 3 }),
        }),
      },
    ),
    { maxLength: 12 },
  );

const grantFor = (ttlMs: number): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constant('grant' as const),
    pauseMs: pausesFor(ttlMs),
    aheadMs: fc.integer({ min: -3_000, max: 3_000 }),
    tokens: fc.constantFrom(1, 128),
    raise: fc.constantFrom(0, 0, 1, 500, 1_999),
  });

const isGrowing = (tokens: readonly number[]): boolean =>
  tokens.every((token, at) => at === 0 || token > tokens[at - 1]!);

/** A run in which a token is not above the one before it; `undefined` if there is none among many. */
function violationOf(rule: Rule): Step[] | undefined {
  const property = fc.property(stepsFor(rule.ttlMs), (steps) => isGrowing(tokensOf(steps, rule)));
  const { counterexample } = fc.check(property, { numRuns: 20_000 });
  return counterexample?.[0];
}

describe('a fence key that is gone', () => {
  it.each([SHORTEST_FENCE_TTL_MS, FENCE_TTL_MS])(
    'comes back above all tokens, if it lives for %d ms and counts less than a quarter as fast as time',
    (ttlMs) => {
      expect(violationOf({ ttlMs, believedPart: BELIEVED_PART })).toBeUndefined();
    },
  );

  it('does not, if it lives for less than the clocks of clients differ by', () => {
    expect(violationOf({ ttlMs: 2_000, believedPart: BELIEVED_PART })).toBeDefined();
  });

  it('does not, if a counter is believed as long as its key may live: an old holder brings its own back', () => {
    const steps: Step[] = [
      { kind: 'grant', pauseMs: 0, aheadMs: 0, tokens: 1, raise: 0 },
      { kind: 'grant', pauseMs: 0, aheadMs: 0, tokens: 128, raise: 0 },
      { kind: 'return', pauseMs: SHORTEST_FENCE_TTL_MS, grantsAgo: 1 },
      { kind: 'grant', pauseMs: 0, aheadMs: 0, tokens: 1, raise: 0 },
    ];
    const rule = { ttlMs: SHORTEST_FENCE_TTL_MS, believedPart: BELIEVED_PART };
    expect(isGrowing(tokensOf(steps, rule))).toBe(true);
    expect(isGrowing(tokensOf(steps, { ...rule, believedPart: 2 }))).toBe(false);
  });
});
