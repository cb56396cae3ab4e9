import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  driftMsOf,
  elapsedMs,
  endOf,
  laterOf,
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
  ])('the drift of a TTL of %i ms at a factor of %d is %i ms', (ttl, factor, driftMs) => {
    expect(driftMsOf(ttl, factor)).toBe(driftMs);
  });

  it('the drift is never less than what two clocks at the factor drift apart within the TTL', () => {
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
    ['elapsed time is what both clocks say when they agree', 500, 500, 500],
    ['elapsed time is by the wall clock when the machine was suspended', 20, 60_020, 60_020],
    ['elapsed time is by the monotonic clock when the wall clock was stepped back', 500, -3_600_000, 500],
    [
      'elapsed time is too long, never too short, when the wall clock was stepped forward',
      500,
      3_600_500,
      3_600_500,
    ],
    ['elapsed time is 0 when neither clock moved', 0, 0, 0],
  ])('%s', (_claim, monotonic, wall, elapsed) => {
    expect(elapsedMs(from, at(from.monotonicMs + monotonic, from.wallMs + wall))).toBe(elapsed);
  });
});

describe('validity', () => {
  it('validity begins when the request was sent, so slow answers shorten it', () => {
    const grant: Grant = { sentAt: at(0, 0), ttlMs: 100, driftMs: 3 };
    expect(validityLeftMs(grant, at(0, 0))).toBe(97);
    expect(validityLeftMs(grant, at(300, 300))).toBe(-203);
  });

  it('validity is what the naive reading of the two clocks says', () => {
    fc.assert(
      fc.property(stamp, stamp, ttlMs, fc.nat(1_000), (sentAt, now, ttl, driftMs) => {
        const grant: Grant = { sentAt, ttlMs: ttl, driftMs };
        expect(validityLeftMs(grant, now)).toBe(naiveLeftMs(ttl, driftMs, sentAt, now));
      }),
    );
  });

  it('validity is never more than by the monotonic clock alone, and equal when the clocks agree', () => {
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

  it('validity is over before any key expires, if clocks run within the drift factor', () => {
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
          // Redis expires a key up to a millisecond early, because it keeps expiry times in whole
          // milliseconds.
          const keyGoneAt = onTheWay + (ttl - 1) / nodeRate;
          if (elapsed >= keyGoneAt)
            expect(validityLeftMs(grant, at(elapsed, elapsed))).toBeLessThanOrEqual(0);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('laterOf', () => {
  const grantAt = (sentAtMs: number, ttl: number, driftMs = 0): Grant => ({
    sentAt: at(sentAtMs, 1_700_000_000_000 + sentAtMs),
    ttlMs: ttl,
    driftMs,
  });
  const first = grantAt(0, 1_000);

  it('takes an extension that ends later', () => {
    const later = grantAt(300, 1_000);
    expect(laterOf(first, later)).toBe(later);
  });

  it.each<[string, Grant]>([
    ['with a shorter TTL', grantAt(300, 100)],
    ['that was asked for earlier and answered later', grantAt(-100, 1_000)],
    ['that ends at the same instant', grantAt(500, 500)],
    ['that is longer by no more than its drift', grantAt(0, 1_010, 10)],
  ])('never shortens a grant by an extension %s', (_claim, extension) => {
    expect(laterOf(first, extension)).toBe(first);
  });

  it('gives, over any extensions, the grant that ends last', () => {
    const grants = fc.array(
      fc.tuple(fc.nat(5_000), fc.nat(5_000)).map(([sentAt, ttl]) => grantAt(sentAt, ttl)),
    );
    fc.assert(
      fc.property(grants, (extensions) => {
        const ends = [first, ...extensions].map(endOf);
        expect(endOf(extensions.reduce(laterOf, first))).toBe(Math.max(...ends));
      }),
    );
  });
});
