import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { agreeingWithMajority, ClockOffset } from '../../src/core/clock-offset.js';
import { majorityOf } from '../../src/core/quorum.js';

const DRIFT = 0.01;
/**
 * Room for rounding: a node's time is near 1.8e12 ms, where a double resolves 0.25 µs, and several are added.
 */
const ROUNDING_MS = 0.005;
const EPOCH_MS = 1_790_000_000_000;
const SEGMENT_MS = 100;

/**
 * A node's clock. Every 100 ms it runs at another rate within the drift factor, and it may be stepped once.
 */
class NodeClock {
  constructor(
    private readonly rates: readonly number[],
    private readonly step: { readonly at: number; readonly byMs: number } = { at: 0, byMs: 0 },
  ) {}

  at(instantMs: number): number {
    let time = EPOCH_MS + (instantMs > this.step.at ? this.step.byMs : 0);
    for (let from = 0, i = 0; from < instantMs; from += SEGMENT_MS, i++) {
      const rate = this.rates[i % this.rates.length]!;
      time += Math.min(SEGMENT_MS, instantMs - from) * rate;
    }
    return time;
  }
}

interface Exchange {
  readonly sentAt: number;
  readonly outMs: number;
  readonly backMs: number;
}

const receivedAtOf = ({ sentAt, outMs, backMs }: Exchange): number => sentAt + outMs + backMs;

const tell = (offset: ClockOffset, clock: NodeClock, exchange: Exchange) =>
  offset.observe(exchange.sentAt, receivedAtOf(exchange), clock.at(exchange.sentAt + exchange.outMs));

/**
 * Rates within the drift factor, from the slowest to the fastest; `share` below 1 keeps a distance from the
 * limits.
 */
const ratesWithin = (share: number): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -100, max: 100 }).map((percent) => 1 + (percent / 100) * DRIFT * share),
    { minLength: 1, maxLength: 8 },
  );

const delayMs = fc.oneof(fc.nat(3), fc.nat(300));
const exchange: fc.Arbitrary<Exchange> = fc.record({
  sentAt: fc.nat(3_000),
  outMs: delayMs,
  backMs: delayMs,
});
const exchanges = fc.array(exchange, { minLength: 1, maxLength: 30 });
const instants = fc.array(fc.integer({ min: 0, max: 8_000 }), { minLength: 1, maxLength: 10 });

const byReceipt = (list: readonly Exchange[]): Exchange[] =>
  [...list].sort((one, other) => receivedAtOf(one) - receivedAtOf(other));

function expectNoDeadlineComesLate(offset: ClockOffset, clock: NodeClock, at: readonly number[]): void {
  for (const instant of at) {
    expect(offset.toNodeMs(instant)).toBeLessThanOrEqual(clock.at(instant) + ROUNDING_MS);
  }
}

describe('clock offset', () => {
  it('a clock offset knows nothing before the first exchange: deadlines are at minus infinity', () => {
    const offset = new ClockOffset(DRIFT);
    expect(offset.known).toBe(false);
    expect(offset.toNodeMs(1_000)).toBe(Number.NEGATIVE_INFINITY);
  });

  it('the estimate is the middle of a round trip, and a deadline takes its worst end', () => {
    const offset = new ClockOffset(0);
    expect(offset.observe(100, 110, 5_100)).toBe('steady');
    expect(offset.known).toBe(true);
    expect(offset.estimateMs).toBe(4_995);
    expect(offset.toNodeMs(200)).toBe(5_190);
  });

  it('a faster exchange narrows the bounds of a slower one', () => {
    const offset = new ClockOffset(0);
    offset.observe(0, 100, 1_050);
    offset.observe(100, 102, 1_101);
    expect(offset.toNodeMs(200)).toBe(1_199);
  });

  it('a slower exchange does not widen the bounds of a faster one', () => {
    const offset = new ClockOffset(0);
    offset.observe(100, 102, 1_101);
    offset.observe(102, 302, 1_202);
    expect(offset.toNodeMs(200)).toBe(1_199);
  });

  it('the bounds of a clock offset widen with age, by the drift factor', () => {
    const offset = new ClockOffset(DRIFT);
    offset.observe(0, 0, 1_000);
    expect(offset.toNodeMs(0)).toBe(1_000);
    expect(offset.toNodeMs(10_000)).toBe(11_000 - 100);
  });

  it('no deadline ever comes late: toNodeMs never exceeds the node’s own time of that instant', () => {
    fc.assert(
      fc.property(ratesWithin(1), exchanges, instants, (rates, list, at) => {
        const clock = new NodeClock(rates);
        const offset = new ClockOffset(DRIFT);
        for (const next of byReceipt(list)) {
          tell(offset, clock, next);
          expectNoDeadlineComesLate(offset, clock, at);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('no deadline ever comes late, even if exchanges are reported out of order', () => {
    fc.assert(
      fc.property(ratesWithin(1), exchanges, instants, (rates, list, at) => {
        const clock = new NodeClock(rates);
        const offset = new ClockOffset(DRIFT);
        for (const next of list) {
          tell(offset, clock, next);
          expectNoDeadlineComesLate(offset, clock, at);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a deadline comes early by no more than the round trip and the drift since', () => {
    fc.assert(
      fc.property(ratesWithin(1), exchange, fc.nat(5_000), (rates, only, laterMs) => {
        const clock = new NodeClock(rates);
        const offset = new ClockOffset(DRIFT);
        tell(offset, clock, only);
        const instant = receivedAtOf(only) + laterMs;
        const earlyMs = clock.at(instant) - offset.toNodeMs(instant);
        const roundTripMs = only.outMs + only.backMs;
        expect(earlyMs).toBeLessThanOrEqual((roundTripMs + 2 * laterMs) * DRIFT + roundTripMs + ROUNDING_MS);
      }),
    );
  });

  it('drift within the factor never counts as a step, even if exchanges are slow', () => {
    fc.assert(
      fc.property(ratesWithin(0.9), exchanges, (rates, list) => {
        const clock = new NodeClock(rates);
        const offset = new ClockOffset(DRIFT);
        expect(byReceipt(list).map((next) => tell(offset, clock, next))).toEqual(list.map(() => 'steady'));
      }),
      { numRuns: 1_000 },
    );
  });

  it('a clock that runs fast while a slow answer is under way does not count as stepped', () => {
    const offset = new ClockOffset(DRIFT);
    expect(offset.observe(0, 1_000, 5_000)).toBe('steady');
    expect(offset.observe(1_000, 1_000, 6_009)).toBe('steady');
  });

  /**
   * The node reads its clock in the middle of each round trip of 2 ms, so each bound is 1 ms from the truth.
   */
  const steppedBy = (byMs: number) => {
    const offset = new ClockOffset(DRIFT);
    offset.observe(0, 2, EPOCH_MS + 1);
    return offset.observe(100, 102, EPOCH_MS + 101 + byMs);
  };

  it.each([
    [-3_600_000, 'stepped'],
    [-4, 'stepped'],
    [-3, 'steady'],
    [0, 'steady'],
    [3, 'steady'],
    [4, 'stepped'],
    [3_600_000, 'stepped'],
  ] as const)('with round trips of 2 ms and 1 ms of drift a step of %i ms counts as %s', (byMs, reading) => {
    expect(steppedBy(byMs)).toBe(reading);
  });

  it('a step beyond both round trips and the drift is reported, and deadlines are right after it', () => {
    fc.assert(
      fc.property(
        ratesWithin(1),
        exchanges,
        exchange,
        fc.boolean(),
        fc.integer({ min: 1, max: 10_000 }),
        instants,
        (rates, before, after, back, beyondMs, at) => {
          const told = byReceipt(before);
          const last = told.at(-1)!;
          const steppedAt = receivedAtOf(last) + 1;
          const next: Exchange = { ...after, sentAt: steppedAt + 1 + after.sentAt };
          const roundTripsMs = last.outMs + last.backMs + next.outMs + next.backMs;
          const allowedMs =
            roundTripsMs + 2 * (receivedAtOf(next) - last.sentAt) * DRIFT + roundTripsMs * DRIFT;
          const byMs = (back ? -1 : 1) * (allowedMs + beyondMs);
          const clock = new NodeClock(rates, { at: steppedAt, byMs });
          const offset = new ClockOffset(DRIFT);
          for (const one of told) tell(offset, clock, one);
          expect(tell(offset, clock, next)).toBe('stepped');
          expectNoDeadlineComesLate(
            offset,
            clock,
            at.map((instant) => steppedAt + 1 + instant),
          );
          expect(tell(offset, clock, { ...next, sentAt: receivedAtOf(next) })).toBe('steady');
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('clocks that agree with a majority', () => {
  it.each<[string, (number | undefined)[], number[]]>([
    ['the clocks that agree are all that are within a second', [0, 900, 100], [0, 1, 2]],
    ['the clocks that agree do not include one that is ahead', [0, 10, 5_000], [0, 1]],
    ['the clocks that agree do not include one that is behind', [-5_000, 10, 0], [1, 2]],
    ['the clocks that agree are the two that are known', [0, 10, undefined], [0, 1]],
    ['no clocks agree if two differ: either may be wrong', [0, 5_000, undefined], []],
    ['no clocks agree if only one is known', [0, undefined, undefined], []],
    ['the clocks that agree are the three of five that are right', [0, 60_000, 5, -60_000, 3], [0, 2, 4]],
    ['no clocks agree if four differ in halves', [0, 0, 5_000, 5_000], []],
    ['no clocks agree if one of five is wrong and two are away', [0, 5, 5_000, undefined, undefined], []],
  ])('%s', (_claim, offsets, expected) => {
    expect(agreeingWithMajority(offsets, majorityOf(offsets.length))).toEqual(expected);
  });
});
