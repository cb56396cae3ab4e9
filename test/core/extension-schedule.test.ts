import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  beatMs,
  extensionDueAt,
  extensionRetryMs,
  longestNodeTimeoutMs,
  lossMarginMs,
  lostAt,
  remoteExtensionDueAt,
  secondLookAt,
  staleAfterMs,
} from '../../src/core/extension-schedule.js';
import { driftMsOf, endOf, type Grant } from '../../src/core/validity.js';

const ttlMs = fc.integer({ min: 10, max: 60_000 });
const instant = fc.double({ min: 0, max: 1e9, noNaN: true });

const grantAt = (sentAtMs: number, ttl: number): Grant => ({
  sentAt: { monotonicMs: sentAtMs, wallMs: 1_700_000_000_000 + sentAtMs },
  ttlMs: ttl,
  driftMs: driftMsOf(ttl, 0.01),
});

describe('extensionDueAt', () => {
  it('puts the extension a third of the TTL after the grant, to within a sixty-fourth of the TTL', () => {
    fc.assert(
      fc.property(instant, ttlMs, (sentAtMs, ttl) => {
        const afterMs = extensionDueAt(grantAt(sentAtMs, ttl)) - sentAtMs;
        expect(Math.abs(afterMs - ttl / 3)).toBeLessThanOrEqual(ttl / 64 + 1e-6);
      }),
    );
  });

  it('puts extensions of leases that were granted at nearly the same time on the same instant', () => {
    const due = Array.from({ length: 3_000 }, (_, sentAtMs) => extensionDueAt(grantAt(sentAtMs, 3_200)));
    expect(new Set(due).size).toBeLessThanOrEqual(3_000 / 100 + 1);
  });

  it('leaves time for two failures and a third try before the loss is told', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: 100, max: 60_000 }), (sentAtMs, ttl) => {
        const grant = grantAt(sentAtMs, ttl);
        const shortTimeoutMs = ttl / 20;
        const thirdTryAt = extensionDueAt(grant) + 2 * (shortTimeoutMs + extensionRetryMs(ttl));
        expect(thirdTryAt + shortTimeoutMs).toBeLessThan(lostAt(grant));
      }),
    );
  });
});

describe('extensionRetryMs', () => {
  it.each([
    [100, 10],
    [3_000, 300],
    [10_000, 1_000],
    [60_000, 1_000],
  ])('of a TTL of %i ms an extension that failed is tried again after %i ms', (ttl, afterMs) => {
    expect(extensionRetryMs(ttl)).toBe(afterMs);
  });
});

describe('secondLookAt', () => {
  it('asks a majority that refused once again after 20 ms', () => {
    expect(secondLookAt(1_000)).toBe(1_020);
  });
});

describe('lossMarginMs', () => {
  it.each([
    [100, 5],
    [1_000, 50],
    [2_000, 100],
    [60_000, 100],
  ])('the loss of a lease with a TTL of %i ms is told %i ms before its end', (ttl, margin) => {
    expect(lossMarginMs(ttl)).toBe(margin);
  });

  it('leaves most of the validity to the holder', () => {
    fc.assert(
      fc.property(ttlMs, (ttl) => {
        expect(lossMarginMs(ttl)).toBeLessThanOrEqual(ttl * 0.05);
        expect(lossMarginMs(ttl)).toBeGreaterThan(0);
      }),
    );
  });
});

describe('lostAt', () => {
  it('is the margin before the end of validity', () => {
    fc.assert(
      fc.property(instant, ttlMs, (sentAtMs, ttl) => {
        const grant = grantAt(sentAtMs, ttl);
        expect(lostAt(grant)).toBe(endOf(grant) - lossMarginMs(ttl));
      }),
    );
  });
});

describe('longestNodeTimeoutMs', () => {
  it('leaves time for a second extension when the first one timed out', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: 200, max: 60_000 }), (sentAtMs, ttl) => {
        const grant = grantAt(sentAtMs, ttl);
        const timedOutAt = extensionDueAt(grant) + longestNodeTimeoutMs(ttl);
        expect(timedOutAt + extensionRetryMs(ttl)).toBeLessThan(lostAt(grant));
      }),
    );
  });
});

describe('the cadence of the worker thread', () => {
  it('counts a heartbeat as old after a sixth of the TTL, within 50 ms and a second', () => {
    expect([10, 300, 3_000, 30_000].map(staleAfterMs)).toEqual([50, 50, 500, 1_000]);
  });

  it('lets the main thread miss two beats', () => {
    for (const ttl of [10, 300, 3_000, 30_000]) expect(3 * beatMs(ttl)).toBeLessThan(staleAfterMs(ttl));
  });

  it('leaves the first third of the TTL to the main thread, which extends then', () => {
    for (const ttl of [100, 3_000, 30_000]) {
      const grant = grantAt(0, ttl);
      expect(remoteExtensionDueAt(endOf(grant), ttl)).toBeGreaterThan(extensionDueAt(grant));
    }
  });

  it('notices a stall in time to ask three times for the extension that is due at a third', () => {
    for (const ttl of [300, 3_000, 30_000]) {
      const noticedMs = ttl / 3 + staleAfterMs(ttl) + beatMs(ttl);
      expect(noticedMs + 0.2 * ttl).toBeLessThan(0.95 * ttl);
    }
  });
});
