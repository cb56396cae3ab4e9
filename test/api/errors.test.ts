import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  LeaseLostError,
  LockManagerClosedError,
  LockNotAcquiredError,
  QuorumUnreachableError,
  type LockError,
  type NodeVote,
} from '../../src/index.js';
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

  it('with fewer nodes than votes are needed, the message says where to read on', () => {
    const error = new QuorumUnreachableError(['a'], [{ node: 'n1', vote: vote('granted') }], undefined, 2);
    expect(error.message).toBe(
      '"a": the list of nodes in use needs 2 votes, this client has 1 of its nodes, see docs/membership.md',
    );
  });

  it('the message names each node that failed, and why', () => {
    const error = new QuorumUnreachableError(['a'], [{ node: 'n1', vote: vote('timeout') }]);
    expect(error.message).toBe('"a": the only node gave no vote; n1: timeout (timeout)');
    expect(error.cause).toBeInstanceOf(AggregateError);
  });

  const dead = (node: string): NodeVote => ({
    node,
    vote: failed('unreachable', new Error(`connect ECONNREFUSED ${node}`)),
  });

  it('the message names the nodes that failed for the same reason together', () => {
    const error = new QuorumUnreachableError(['a'], [dead('10.0.0.1:6379'), dead('10.0.0.2:6379')]);
    expect(error.message).toBe(
      '"a": no majority of the 2 nodes answered; ' +
        '10.0.0.1:6379, 10.0.0.2:6379: unreachable (connect ECONNREFUSED)',
    );
  });

  /** As Node prints an uncaught error: without the custom inspections of classes. */
  const printed = (error: Error): string[] => inspect(error, { customInspect: false, depth: 5 }).split('\n');

  it('an uncaught error is printed with one stack and a few lines, however many nodes failed', () => {
    const nodes = Array.from({ length: 9 }, (_, index) => dead(`10.0.0.${index}:6379`));
    const lines = printed(new QuorumUnreachableError(['a'], nodes));
    const frames = lines.filter((line) => /^\s+at /.test(line));
    const first = lines.findIndex((line) => /^\s+at /.test(line));
    // One stack: its frames follow each other.
    expect(lines.slice(first, first + frames.length)).toEqual(frames);
    expect(first).toBe(1);
    expect(lines[0]!.length).toBeLessThan(300);
    expect(lines.length - frames.length).toBeLessThan(25);
  });

  it('the votes and the cause can be read, although the votes are not printed', () => {
    const error = new QuorumUnreachableError(['a'], [dead('n1'), { node: 'n2', vote: vote('granted') }]);
    expect(error.votes.map(({ node, vote: one }) => [node, one?.kind])).toEqual([
      ['n1', 'failed'],
      ['n2', 'granted'],
    ]);
    expect((error.cause as AggregateError).errors.map(({ message }: Error) => message)).toEqual([
      'connect ECONNREFUSED n1',
    ]);
    expect(Object.keys(error)).not.toContain('votes');
  });
});

describe('all errors', () => {
  const long = Array.from({ length: 64 }, (_, index) => `${index}`.padStart(512, 'x'));
  const node = 'n'.repeat(128);
  const manyVotes = Array.from({ length: 64 }, (_, index) => ({
    node: `${node}${index}`,
    vote: failed('error', new Error(`${index} ${'why '.repeat(500)}`)),
  }));

  it.each<[string, LockError]>([
    ['held', new LockNotAcquiredError(long, 'held', 'h'.repeat(128), 0)],
    ['unreachable', new QuorumUnreachableError(long, manyVotes)],
    [
      'unreachable, all for one reason',
      new QuorumUnreachableError(
        long,
        manyVotes.map(() => manyVotes[0]!),
      ),
    ],
    ['lost', new LeaseLostError(long, 'taken')],
    ['closed', new LockManagerClosedError(long)],
  ])('the message is bounded, however long the names are: %s', (_claim, error) => {
    expect(error.message.length).toBeLessThan(2_000);
    expect(error.message).toContain('and 61 more');
  });
});
