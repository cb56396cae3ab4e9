import { describe, expect, it } from '@jest/globals';
import { failed, mayHoldTheKey, type FailureReason, type RefusalReason } from '../../src/core/vote.js';
import { granted } from './votes.js';

describe('vote', () => {
  it('keeps what went wrong as the cause of a failure', () => {
    const cause = new Error('connection reset');
    expect(failed('unreachable', cause)).toEqual({ kind: 'failed', reason: 'unreachable', cause });
  });

  it('a grant, and a vote that is still out, may have left a key behind', () => {
    expect(mayHoldTheKey(granted())).toBe(true);
    expect(mayHoldTheKey(undefined)).toBe(true);
  });

  it.each<FailureReason>(['timeout', 'late', 'unreachable', 'error', 'restored'])(
    'a vote that failed (%s) proves nothing: the key may be there',
    (reason) => {
      expect(mayHoldTheKey(failed(reason, new Error('lost reply')))).toBe(true);
    },
  );

  it.each<[RefusalReason, boolean, string]>([
    ['held', false, 'another holder has the key'],
    ['already_ran', false, 'nothing was written'],
    ['absent', false, 'the key is gone'],
    ['superseded', true, "the counter may stand too high through the asker's own late grant"],
  ])('after a refusal (%s) the key may be there: %s, because %s', (reason, expected) => {
    expect(mayHoldTheKey({ kind: 'refused', reason })).toBe(expected);
  });
});
