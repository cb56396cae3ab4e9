import { describe, expect, it } from '@jest/globals';
import { VoteTally } from '../../../src/core/vote-tally.js';
import { failed, type Vote } from '../../../src/core/vote.js';
import { isLate, LateRounds } from '../../../src/lock/acquire/late-rounds.js';

const GRANTED: Vote = { kind: 'granted', counter: 1 };
const LATE = failed('late', new Error('after its deadline'));
const TIMEOUT = failed('timeout', new Error('no answer'));

type Lost = Parameters<typeof isLate>[0];

function lost(votes: readonly Vote[], stoodStill = false): Lost {
  const tally = new VoteTally(votes.length);
  votes.forEach((vote, nodeIndex) => tally.record(nodeIndex, vote));
  return { kind: 'lost', tally, stoodStill, undone: Promise.resolve() };
}

/** How many of so many rounds in a row are made again. */
function again(round: Lost, of = 20): number {
  const rounds = new LateRounds();
  return Array.from({ length: of }, () => rounds.mayAskAgain(round)).filter(Boolean).length;
}

describe('a lost round', () => {
  it.each<[what: string, votes: readonly Vote[], stoodStill: boolean, times: number]>([
    ['that came too late to all nodes', [LATE, LATE, LATE], false, 10],
    [
      'that came too late to one node, without which there is no majority',
      [GRANTED, LATE, TIMEOUT],
      true,
      10,
    ],
    ['that came too late to a node, where others hang', [LATE, TIMEOUT, TIMEOUT], false, 0],
    ['that the nodes did not answer', [TIMEOUT, TIMEOUT, TIMEOUT], false, 0],
    ['in which this process stood still', [TIMEOUT, TIMEOUT, TIMEOUT], true, 1],
    ['whose answers were read when the grants were over', [GRANTED, GRANTED, GRANTED], true, 1],
    ['whose answers were in time', [GRANTED, GRANTED, GRANTED], false, 0],
  ])('%s', (_what, votes, stoodStill, times) => {
    const round = lost(votes, stoodStill);
    expect(isLate(round)).toBe(times > 0);
    expect(again(round)).toBe(times);
  });

  it('counts those that came too late apart from those in which this process stood still', () => {
    const rounds = new LateRounds();
    expect(rounds.mayAskAgain(lost([TIMEOUT, TIMEOUT, TIMEOUT], true))).toBe(true);
    expect(rounds.mayAskAgain(lost([LATE, LATE, LATE]))).toBe(true);
    expect(rounds.mayAskAgain(lost([TIMEOUT, TIMEOUT, TIMEOUT], true))).toBe(false);
  });
});
