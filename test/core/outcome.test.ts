import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { outcomeOf, hasPriority, isConclusive, ownersIn, type Outcome } from '../../src/core/outcome.js';
import type { Vote } from '../../src/core/vote.js';
import { naiveEnding } from './naive.js';
import {
  alreadyRan,
  down,
  granted,
  heldBy,
  inWords,
  out,
  saidToBeHeldBy,
  wordsOver,
  type MaybeVote,
} from './votes.js';

const a = heldBy('a');
const b = heldBy('b');
const c = heldBy('c');
const aNoVote = saidToBeHeldBy('a');
const yes = granted();

const nameOf = (outcome: Outcome): string =>
  outcome.kind === 'held' ? `held by ${outcome.owner}` : outcome.kind;

describe('endingOf', () => {
  it.each<[string, MaybeVote[], string[], string]>([
    ['one owner on a majority holds it', [a, a, yes], [], 'held by a'],
    ['one owner on a majority holds it, though a node is down', [down, a, a], [], 'held by a'],
    ['three claimants with a node each: nobody holds it', [yes, a, b], [], 'contended'],
    ['an even split is contended: nobody has three of four', [yes, yes, a, a], [], 'contended'],
    ['a majority down is unreachable, not held', [down, down, a], [], 'unreachable'],
    ['a majority down is unreachable, though one node granted', [yes, down, down], [], 'unreachable'],
    ['half of an even membership down is unreachable', [yes, yes, down, down], [], 'unreachable'],
    ['a tick on record on a majority has run', [alreadyRan, alreadyRan, yes], [], 'already_ran'],
    ['a tick on record on a minority has not run', [alreadyRan, yes, a], [], 'contended'],
    [
      'a tick on record has run though one node is down: the nodes without the record cannot make a majority',
      [alreadyRan, yes, down],
      [],
      'already_ran',
    ],
    ['a minority owner seen for the first time may yield: contended', [a, yes, down], [], 'contended'],
    ['the same owner seen again may hold the node that is down: held', [a, yes, down], ['a'], 'held by a'],
    ['an owner seen again cannot hold the nodes of others', [a, yes, b], ['a'], 'contended'],
    ['an owner seen again does not make nodes that are down votes', [a, down, down], ['a'], 'unreachable'],
    ['another owner than the one seen again gets no benefit', [b, yes, down], ['a'], 'contended'],
    ['of two owners seen again the one on the lower node is named', [a, b, down], ['a', 'b'], 'held by a'],
    [
      'an owner on a node without a vote may have won nothing by it: contended',
      [aNoVote, a, yes],
      [],
      'contended',
    ],
    ['the same owner seen again has it, vote or no vote', [aNoVote, a, yes], ['a'], 'held by a'],
    ['a majority without those that have no vote is held at once', [aNoVote, a, a], [], 'held by a'],
    ['nodes without a vote that refuse are there all the same', [aNoVote, aNoVote, yes], [], 'contended'],
    ['a single node that refuses is held', [a], [], 'held by a'],
    ['a single node that is down is unreachable', [down], [], 'unreachable'],
    [
      'the first refusal with a node down proves neither held nor unreachable',
      [down, a, out],
      [],
      'contended',
    ],
    ['a vote still out is no benefit for an owner seen again', [a, b, out], ['a'], 'contended'],
    ['a vote still out is no benefit for a tick on record', [alreadyRan, a, out], [], 'contended'],
    ['a majority down is unreachable whatever the last vote says', [down, down, out], [], 'unreachable'],
    ['a majority of one owner is held whatever the last vote says', [a, a, out], [], 'held by a'],
  ])('%s', (_claim, votes, seenBefore, outcome) => {
    expect(nameOf(outcomeOf(votes, new Set(seenBefore)))).toBe(outcome);
  });

  it('tells the longest time that a node reported for the holder, and not those of others', () => {
    const votes = [heldBy('a', 300), heldBy('b', 9_000), heldBy('a', 700), heldBy('a', 500), down];
    expect(outcomeOf(votes)).toEqual({ kind: 'held', owner: 'a', remainingMs: 700 });
  });

  it('reads a missing remaining time as none', () => {
    const refused: Vote = { kind: 'refused', reason: 'held', owner: 'a' };
    expect(outcomeOf([refused, refused, yes])).toEqual({ kind: 'held', owner: 'a', remainingMs: 0 });
  });

  it('says what the naive reading says, for all patterns of up to five votes and all owners met before', () => {
    const alphabet: Vote[] = [yes, a, b, aNoVote, alreadyRan, down];
    const faults: string[] = [];
    for (let members = 1; members <= 5; members++) {
      for (const votes of wordsOver(alphabet, members)) {
        for (const seenBefore of [[], ['a'], ['b'], ['a', 'b']]) {
          const said = nameOf(outcomeOf(votes, new Set(seenBefore)));
          const expected = naiveEnding(votes, seenBefore);
          if (said !== expected)
            faults.push(`${inWords(votes)} after ${seenBefore.join()}: ${said}, not ${expected}`);
        }
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('a lost round that is read before all votes are in', () => {
  const alphabet: MaybeVote[] = [yes, a, b, aNoVote, alreadyRan, down, out];
  const answers: Vote[] = [yes, a, b, aNoVote, alreadyRan, down];

  it('is given up for nothing that a later vote could change: what is not contended stays as it is', () => {
    const faults: string[] = [];
    for (let members = 1; members <= 5; members++) {
      for (const votes of wordsOver(alphabet, members)) {
        const missing = votes.filter((vote) => vote === undefined).length;
        for (const seenBefore of [[], ['a'], ['a', 'b']]) {
          const early = nameOf(outcomeOf(votes, new Set(seenBefore)));
          if (early === 'contended') continue;
          for (const rest of wordsOver(answers, missing)) {
            const filled = votes.map((vote) => vote ?? rest.pop()!);
            const late = nameOf(outcomeOf(filled, new Set(seenBefore)));
            if (early !== late) faults.push(`${inWords(votes)}: ${early}, but ${inWords(filled)}: ${late}`);
          }
        }
      }
    }
    expect(faults).toEqual([]);
  });

  it.each<[string, MaybeVote[], boolean]>([
    ['a dead node fails before the living ones can tell: not yet', [down, a, out], false],
    ['two dead nodes of five: not before the living majority has told', [down, down, a, a, out], false],
    ['a claimant may yet turn out to be the holder: not yet', [yes, a, b, out, out], false],
    ['no claimant can get a majority any more: now', [yes, yes, a, b, out], true],
    ['one owner has a majority, the rest may be hung: now', [a, a, a, out, out], true],
    ['a majority has answered with a node down: now', [down, a, b], true],
    ['a majority is down: now', [down, down, out], true],
    [
      'half of an even membership is down: no majority can answer any more: now',
      [down, down, out, out],
      true,
    ],
    ['nobody has answered: not yet', [out, out, out], false],
    ['a single node has answered: now', [a], true],
  ])('is readable or not: %s', (_claim, votes, readable) => {
    expect(isConclusive(votes)).toBe(readable);
  });

  it('is readable exactly when no answer that is still out could show a holder, or a tick that has run', () => {
    const faults: string[] = [];
    for (let members = 1; members <= 5; members++) {
      for (const votes of wordsOver(alphabet, members)) {
        const missing = votes.filter((vote) => vote === undefined).length;
        const endings = new Set<string>();
        for (const rest of wordsOver(answers, missing)) {
          endings.add(nameOf(outcomeOf(votes.map((vote) => vote ?? rest.pop()!))));
        }
        const expected = endings.size === 1 && endings.has(nameOf(outcomeOf(votes)));
        if (isConclusive(votes) !== expected) faults.push(`${inWords(votes)}: ${[...endings].join()}`);
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('ownersIn', () => {
  it('names the owners that refusals met, and nobody else', () => {
    expect(ownersIn([a, yes, out, down, alreadyRan, b, a])).toEqual(['a', 'b', 'a']);
    expect(ownersIn([yes, down, out])).toEqual([]);
  });
});

describe('goesOn', () => {
  it.each<[string, MaybeVote[], string[], boolean]>([
    ['the owner of the lowest node goes on', [yes, a, b], [], true],
    ['the owner of a higher node yields', [a, yes, b], [], false],
    ['a node that is down belongs to nobody: the next one counts', [down, yes, a], [], true],
    ['nor does one without a vote: its owner cannot know that it has it', [aNoVote, yes, b], [], true],
    [
      'a node that is down belongs to nobody: the next one counts, for the others too',
      [down, a, yes],
      [],
      false,
    ],
    ['a vote still out belongs to nobody', [out, yes, a], [], true],
    ['who was granted nothing does not go on', [a, b, c], [], false],
    ['where nobody can be asked nobody goes on', [down, down, down], [], false],
    ['an owner that stayed is passed over', [a, yes, b], ['a'], true],
    ['an owner that stayed is passed over, but not the claimant after it', [a, b, yes], ['a'], false],
    ['a tick on record has no owner and is passed over', [alreadyRan, yes, a], [], true],
  ])('%s', (_claim, votes, seenBefore, expected) => {
    expect(hasPriority(votes, new Set(seenBefore))).toBe(expected);
  });

  /** Who has each node: a claimant by number, an owner that stays (`gone`), or nobody because it is down. */
  const worldOf = (nodes: number): fc.Arbitrary<(number | 'gone' | 'down')[]> =>
    fc.array(
      fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, fc.constantFrom('gone' as const, 'down' as const)),
      {
        minLength: nodes,
        maxLength: nodes,
      },
    );

  it('of the claimants of a split vote that see the same exactly one goes on: the owner of the lowest node', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }).chain(worldOf), (world) => {
        const seenBefore = new Set(['gone']);
        const seenBy = (claimant: number): Vote[] =>
          world.map((owner) =>
            owner === 'down'
              ? down
              : owner === claimant
                ? yes
                : heldBy(owner === 'gone' ? owner : `claimant ${owner}`),
          );
        const lowest = world.find((owner) => typeof owner === 'number');
        const going = [0, 1, 2, 3, 4].filter((claimant) => hasPriority(seenBy(claimant), seenBefore));
        expect(going).toEqual(lowest === undefined ? [] : [lowest]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('the owner of the lowest node goes on whenever it heard of its grant, whatever else went lost', () => {
    const members = 5;
    const perNode = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
      fc.array(value, { minLength: members, maxLength: members });
    fc.assert(
      fc.property(perNode(fc.nat(3)), perNode(fc.boolean()), (owners, lost) => {
        const first = owners[0]!;
        const seen = owners.map((owner, node): Vote => {
          if (node > 0 && lost[node]) return down;
          return owner === first ? yes : heldBy(`claimant ${owner}`);
        });
        expect(hasPriority(seen)).toBe(true);
      }),
    );
  });
});
