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
  it('an extension is due a third of the TTL after the grant, to within a sixty-fourth of the TTL', () => {
    fc.assert(
      fc.property(instant, ttlMs, (sentAtMs, ttl) => {
        const afterMs = extensionDueAt(grantAt(sentAtMs, ttl)) - sentAtMs;
        expect(Math.abs(afterMs - ttl / 3)).toBeLessThanOrEqual(ttl / 64 + 1e-6);
      }),
    );
  });

  it('extensions of leases that were granted at nearly the same time are due at the same instant', () => {
    const due = Array.from({ length: 3_000 }, (_, sentAtMs) => extensionDueAt(grantAt(sentAtMs, 3_200)));
    expect(new Set(due).size).toBeLessThanOrEqual(3_000 / 100 + 1);
  });

  it('an extension leaves time for two failures and a third try before the lease is lost', () => {
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
  ])('with a TTL of %i ms, an extension that failed is tried again after %i ms', (ttl, afterMs) => {
    expect(extensionRetryMs(ttl)).toBe(afterMs);
  });
});

describe('secondLookAt', () => {
  it('a majority that refused an extension is asked again after 20 ms', () => {
    expect(secondLookAt(1_000)).toBe(1_020);
  });
});

describe('lossMarginMs', () => {
  it.each([
    [100, 5],
    [1_000, 50],
    [2_000, 100],
    [60_000, 100],
  ])('a lease with a TTL of %i ms is lost %i ms before the end of its validity', (ttl, margin) => {
    expect(lossMarginMs(ttl)).toBe(margin);
  });

  it('the margin of loss leaves most of the validity to the holder', () => {
    fc.assert(
      fc.property(ttlMs, (ttl) => {
        expect(lossMarginMs(ttl)).toBeLessThanOrEqual(ttl * 0.05);
        expect(lossMarginMs(ttl)).toBeGreaterThan(0);
      }),
    );
  });
});

describe('lostAt', () => {
  it('a lease is lost the margin before the end of its validity', () => {
    fc.assert(
      fc.property(instant, ttlMs, (sentAtMs, ttl) => {
        const grant = grantAt(sentAtMs, ttl);
        expect(lostAt(grant)).toBe(endOf(grant) - lossMarginMs(ttl));
      }),
    );
  });
});

describe('longestNodeTimeoutMs', () => {
  it('the longest node timeout leaves time for a second extension after a timeout', () => {
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
  it('a heartbeat counts as old after a sixth of the TTL, from 50 ms to one second', () => {
    expect([10, 300, 3_000, 30_000].map(staleAfterMs)).toEqual([50, 50, 500, 1_000]);
  });

  it('the main thread may miss two heartbeats before they count as old', () => {
    for (const ttl of [10, 300, 3_000, 30_000]) expect(3 * beatMs(ttl)).toBeLessThan(staleAfterMs(ttl));
  });

  it('the worker thread extends only after the main thread would have extended', () => {
    for (const ttl of [100, 3_000, 30_000]) {
      const grant = grantAt(0, ttl);
      expect(remoteExtensionDueAt(endOf(grant), ttl)).toBeGreaterThan(extensionDueAt(grant));
    }
  });

  it('a stall is noticed early enough to ask three times for the extension that is due at a third', () => {
    for (const ttl of [300, 3_000, 30_000]) {
      const noticedMs = ttl / 3 + staleAfterMs(ttl) + beatMs(ttl);
      expect(noticedMs + 0.2 * ttl).toBeLessThan(0.95 * ttl);
    }
  });
});
