import { describe, expect, it } from '@jest/globals';
import { failed, keyAfter, type FailureReason, type Vote } from '../../src/core/vote.js';
import { granted } from './votes.js';

describe('vote', () => {
  it('a failed vote keeps its cause', () => {
    const cause = new Error('connection reset');
    expect(failed('unreachable', cause)).toEqual({ kind: 'failed', reason: 'unreachable', cause });
  });

  it.each<[Vote, ReturnType<typeof keyAfter>, string]>([
    [granted(), 'possible', 'it was set'],
    [failure('timeout'), 'possible', 'the request may have been carried out'],
    [failure('disconnected'), 'possible', 'the request may have been carried out'],
    [failure('error'), 'possible', 'a part of the request may have been carried out'],
    [failure('restored'), 'possible', 'it was set again'],
    [failure('late'), 'as before', 'nothing was written'],
    [failure('unreachable'), 'as before', 'nothing was sent'],
    [failure('withdrawn'), 'as before', 'it was cancelled before it was sent'],
    [{ kind: 'refused', reason: 'held' }, 'gone', 'another holder has the key'],
    [{ kind: 'refused', reason: 'already_ran' }, 'gone', 'nothing was written'],
    [{ kind: 'refused', reason: 'absent' }, 'gone', 'there is no key'],
    [
      { kind: 'refused', reason: 'superseded' },
      'as before',
      "the counter may be above because of the caller's own late grant",
    ],
  ])('after %j the key is %s, because %s', (vote, expected) => {
    expect(keyAfter(vote)).toBe(expected);
  });
});

function failure(reason: FailureReason): Vote {
  return failed(reason, new Error('the reason'));
}
