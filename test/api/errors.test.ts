import { describe, expect, it } from '@jest/globals';
import { QuorumUnreachableError, type NodeVote } from '../../src/index.js';
import { failed, type FailureReason, type Vote } from '../../src/core/vote.js';

const vote = (kind: FailureReason | 'granted' | undefined): Vote | undefined => {
  if (kind === undefined) return undefined;
  return kind === 'granted' ? { kind, counter: 1 } : failed(kind, new Error(kind));
};

const reasonOf = (...kinds: (FailureReason | 'granted' | undefined)[]): string => {
  const votes = kinds.map((kind, index): NodeVote => ({ node: `node-${index}`, vote: vote(kind) }));
  return new QuorumUnreachableError(['invoice:7'], votes).reason;
};

describe('QuorumUnreachableError', () => {
  it.each<[ReturnType<typeof reasonOf>, (FailureReason | 'granted' | undefined)[]]>([
    ['untrusted', ['untrusted', 'granted', 'unreachable']],
    ['untrusted', ['untrusted', undefined, 'unreachable']],
    ['untrusted', ['untrusted', 'untrusted', 'granted']],
    ['unreachable', ['untrusted', 'timeout', 'unreachable']],
    ['unreachable', ['granted', 'timeout', 'unreachable']],
    ['unreachable', [undefined, 'timeout', 'unreachable']],
  ])('the reason is %s if the votes are %j', (reason, kinds) => {
    expect(reasonOf(...kinds)).toBe(reason);
  });

  it('the message names each node that failed, and why', () => {
    const error = new QuorumUnreachableError(['a'], [{ node: 'n1', vote: vote('timeout') }]);
    expect(error.message).toBe('"a": no majority of the 1 nodes answered; n1: timeout (timeout)');
    expect(error.cause).toBeInstanceOf(AggregateError);
  });
});
