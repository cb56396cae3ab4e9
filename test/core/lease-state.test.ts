import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  HELD,
  lost,
  released,
  transferred,
  type LeaseState,
  type LossReason,
} from '../../src/core/lease-state.js';

const REASONS: readonly LossReason[] = [
  'unreachable',
  'mismatch',
  'taken',
  'not_extended',
  'max_hold',
  'stalled',
  'closed',
];

describe('lease state', () => {
  it('is released by its holder', () => {
    expect(released(HELD)).toEqual({ phase: 'released' });
  });

  it.each(REASONS)('stays lost (%s), though the holder releases it', (reason) => {
    const gone = lost(HELD, reason);
    expect(gone).toEqual({ phase: 'lost', reason });
    expect(released(gone)).toBe(gone);
  });

  it('is lost for the first reason only', () => {
    expect(lost(lost(HELD, 'taken'), 'closed')).toEqual({ phase: 'lost', reason: 'taken' });
  });

  it('is not lost after its release', () => {
    expect(lost(released(HELD), 'unreachable')).toEqual({ phase: 'released' });
  });

  it('is transferred by its holder, and then neither released nor lost', () => {
    const gone = transferred(HELD);
    expect(gone).toEqual({ phase: 'transferred' });
    expect(released(gone)).toBe(gone);
    expect(lost(gone, 'closed')).toBe(gone);
    expect(transferred(released(HELD))).toEqual({ phase: 'released' });
  });

  it('is what the first ending says, whatever follows', () => {
    const ending = fc.constantFrom('release' as const, ...REASONS);
    fc.assert(
      fc.property(fc.array(ending), (endings) => {
        let state: LeaseState = HELD;
        for (const next of endings) state = next === 'release' ? released(state) : lost(state, next);
        const [first] = endings;
        if (first === undefined) expect(state).toBe(HELD);
        else if (first === 'release') expect(state).toEqual({ phase: 'released' });
        else expect(state).toEqual({ phase: 'lost', reason: first });
      }),
    );
  });
});
