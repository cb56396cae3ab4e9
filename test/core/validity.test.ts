import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  driftMsOf,
  elapsedMs,
  monotonicValidityLeftMs,
  validityLeftMs,
  type Grant,
  type Stamp,
} from '../../src/core/validity.js';
import { naiveLeftMs } from './naive.js';

const at = (monotonicMs: number, wallMs: number): Stamp => ({ monotonicMs, wallMs });
const ttlMs = fc.integer({ min: 1, max: 60_000 });
const passed = fc.integer({ min: 0, max: 120_000 });
const stamp = fc.record({ monotonicMs: fc.nat(1_000_000), wallMs: fc.integer({ min: 0, max: 2 ** 41 }) });

describe('driftMsOf', () => {
  it.each([
    [1, 0.01, 3],
    [100, 0.01, 3],
    [101, 0.01, 4],
    [10_000, 0.01, 102],
    [30_000, 0.01, 302],
    [30_000, 0, 2],
  ])('a TTL of %i ms at a factor of %d leaves %i ms of room', (ttl, factor, driftMs) => {
    expect(driftMsOf(ttl, factor)).toBe(driftMs);
  });

  it('the room is never less than what two clocks at the factor drift apart within the TTL', () => {
    fc.assert(
      fc.property(ttlMs, fc.double({ min: 0, max: 0.5, noNaN: true }), (ttl, factor) => {
        expect(driftMsOf(ttl, factor)).toBeGreaterThanOrEqual(ttl * factor + 2);
      }),
    );
  });
});

describe('elapsedMs', () => {
  const from = at(1_000, 1_700_000_000_000);
  it.each<[string, number, number, number]>([
    ['both clocks agree', 500, 500, 500],
    [
      'a machine that was suspended: the monotonic clock stood still, the wall clock is right',
      20,
      60_020,
      60_020,
    ],
    ['a wall clock that was stepped back: the monotonic clock is right', 500, -3_600_000, 500],
    ['a wall clock that was stepped forward ends validity early, never late', 500, 3_600_500, 3_600_500],
    ['no time at all', 0, 0, 0],
  ])('%s', (_claim, monotonic, wall, elapsed) => {
    expect(elapsedMs(from, at(from.monotonicMs + monotonic, from.wallMs + wall))).toBe(elapsed);
  });
});

describe('validity', () => {
  it('begins when the question was sent, so that slow answers eat it up', () => {
    const grant: Grant = { sentAt: at(0, 0), ttlMs: 100, driftMs: 3 };
    expect(validityLeftMs(grant, at(0, 0))).toBe(97);
    expect(validityLeftMs(grant, at(300, 300))).toBe(-203);
  });

  it('says what the naive reading of the two clocks says', () => {
    fc.assert(
      fc.property(stamp, stamp, ttlMs, fc.nat(1_000), (sentAt, now, ttl, driftMs) => {
        const grant: Grant = { sentAt, ttlMs: ttl, driftMs };
        expect(validityLeftMs(grant, now)).toBe(naiveLeftMs(ttl, driftMs, sentAt, now));
      }),
    );
  });

  it('is never more than the monotonic clock alone allows, and equal where the clocks agree', () => {
    fc.assert(
      fc.property(stamp, passed, fc.integer(), ttlMs, (sentAt, elapsed, step, ttl) => {
        const grant: Grant = { sentAt, ttlMs: ttl, driftMs: driftMsOf(ttl, 0.01) };
        const now = at(sentAt.monotonicMs + elapsed, sentAt.wallMs + elapsed);
        const stepped = at(now.monotonicMs, now.wallMs + step);
        expect(validityLeftMs(grant, now)).toBe(monotonicValidityLeftMs(grant, now.monotonicMs));
        expect(validityLeftMs(grant, stepped)).toBeLessThanOrEqual(validityLeftMs(grant, now));
      }),
    );
  });

  it('is over before the first node lets the key go, however its clock runs within the factor', () => {
    const factor = 0.01;
    fc.assert(
      fc.property(
        ttlMs,
        fc.integer({ min: 0, max: 250 }),
        fc.integer({ min: -100, max: 100 }),
        passed,
        (ttl, onTheWay, ratePercentOfFactor, elapsed) => {
          const grant: Grant = { sentAt: at(0, 0), ttlMs: ttl, driftMs: driftMsOf(ttl, factor) };
          const nodeRate = 1 + (ratePercentOfFactor / 100) * factor;
          // Redis lets a key go up to a millisecond early: it keeps its expiry in whole milliseconds.
          const keyGoneAt = onTheWay + (ttl - 1) / nodeRate;
          if (elapsed >= keyGoneAt)
            expect(validityLeftMs(grant, at(elapsed, elapsed))).toBeLessThanOrEqual(0);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
