import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  extended,
  held,
  lost,
  released,
  type LeaseState,
  type LossReason,
} from '../../src/core/lease-state.js';
import type { Grant } from '../../src/core/validity.js';

const grantAt = (sentAtMs: number, ttlMs: number, driftMs = 0): Grant => ({
  sentAt: { monotonicMs: sentAtMs, wallMs: 1_700_000_000_000 + sentAtMs },
  ttlMs,
  driftMs,
});

const REASONS: readonly LossReason[] = [
  'unreachable',
  'taken',
  'not_extended',
  'max_hold',
  'stalled',
  'closed',
];

describe('lease state', () => {
  const first = grantAt(0, 1_000);
  const later = grantAt(300, 1_000);

  it('a held lease is prolonged by an extension', () => {
    expect(extended(held(first), later)).toEqual(held(later));
  });

  it.each<[string, Grant]>([
    ['an extension with a shorter TTL', grantAt(300, 100)],
    ['an extension that was sent earlier and answered later', grantAt(-100, 1_000)],
    ['an extension that ends at the same instant', grantAt(500, 500)],
    ['an extension that is longer by no more than its drift', grantAt(0, 1_010, 10)],
  ])('a held lease is not shortened by %s', (_claim, grant) => {
    const state = held(first);
    expect(extended(state, grant)).toBe(state);
  });

  it('a released lease stays released if an extension under way is won', () => {
    expect(extended(released(held(first)), later)).toEqual({ phase: 'released' });
  });

  it.each(REASONS)(
    'a lost lease (%s) stays lost if an extension under way is won or the holder releases it',
    (reason) => {
      const gone = lost(held(first), reason);
      expect(extended(gone, later)).toEqual({ phase: 'lost', reason });
      expect(released(gone)).toEqual({ phase: 'lost', reason });
    },
  );

  it('a lease is lost for the first reason only', () => {
    expect(lost(lost(held(first), 'taken'), 'closed')).toEqual({ phase: 'lost', reason: 'taken' });
  });

  it('a lease is not lost after its release', () => {
    expect(lost(released(held(first)), 'unreachable')).toEqual({ phase: 'released' });
  });

  it('the first end of a lease decides its state; until then the grant that ends last does', () => {
    type Step = { extend: Grant } | { end: 'release' | LossReason };
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          extend: fc.tuple(fc.nat(5_000), fc.nat(5_000)).map(([at, ttl]) => grantAt(at, ttl)),
        }),
      },
      { weight: 1, arbitrary: fc.record({ end: fc.constantFrom('release' as const, ...REASONS) }) },
    );
    const endOf = ({ sentAt, ttlMs, driftMs }: Grant): number => sentAt.monotonicMs + ttlMs - driftMs;
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let state: LeaseState = held(first);
        for (const next of steps) {
          if ('extend' in next) state = extended(state, next.extend);
          else state = next.end === 'release' ? released(state) : lost(state, next.end);
        }
        const end = steps.find((next) => 'end' in next);
        const ends = [first, ...steps.flatMap((next) => ('extend' in next ? [next.extend] : []))].map(endOf);
        if (end === undefined) {
          expect(state.phase === 'held' && endOf(state.grant)).toBe(Math.max(...ends));
        } else {
          expect(state).toEqual(
            end.end === 'release' ? { phase: 'released' } : { phase: 'lost', reason: end.end },
          );
        }
      }),
    );
  });
});
