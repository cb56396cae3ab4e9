import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { outcomeOf, hasPriority, isConclusive, ownersIn, type Outcome } from '../../src/core/outcome.js';
import type { Vote } from '../../src/core/vote.js';
import { naiveOutcome } from './naive.js';
import {
  alreadyRan,
  down,
  granted,
  heldBy,
  inWords,
  out,
  untrustedHeldBy,
  wordsOver,
  type MaybeVote,
} from './votes.js';

const a = heldBy('a');
const b = heldBy('b');
const c = heldBy('c');
const aUntrusted = untrustedHeldBy('a');
const yes = granted();

const nameOf = (outcome: Outcome): string =>
  outcome.kind === 'held' ? `held by ${outcome.owner}` : outcome.kind;

describe('outcomeOf', () => {
  it.each<[string, MaybeVote[], string[], string]>([
    ['one owner on a majority holds the resource', [a, a, yes], [], 'held by a'],
    ['one owner on a majority holds the resource even if a node is down', [down, a, a], [], 'held by a'],
    ['if three clients have a node each, nobody holds it', [yes, a, b], [], 'contended'],
    ['an even split is contended: nobody has three of four', [yes, yes, a, a], [], 'contended'],
    ['a majority down is unreachable, not held', [down, down, a], [], 'unreachable'],
    ['a majority down is unreachable even if one node granted', [yes, down, down], [], 'unreachable'],
    ['two of four nodes down is unreachable', [yes, yes, down, down], [], 'unreachable'],
    ['a tick on record on a majority has run', [alreadyRan, alreadyRan, yes], [], 'already_ran'],
    ['a tick on record on a minority has not run', [alreadyRan, yes, a], [], 'contended'],
    [
      'a tick on record has run if one node is down: the nodes without the record cannot make a majority',
      [alreadyRan, yes, down],
      [],
      'already_ran',
    ],
    ['an owner of a minority seen for the first time may yield: contended', [a, yes, down], [], 'contended'],
    ['the same owner seen again may hold the node that is down: held', [a, yes, down], ['a'], 'held by a'],
    ['an owner seen again cannot hold the nodes of others', [a, yes, b], ['a'], 'contended'],
    ['an owner seen again does not make nodes that are down votes', [a, down, down], ['a'], 'unreachable'],
    [
      'nodes that are down do not count for another owner than the one seen again',
      [b, yes, down],
      ['a'],
      'contended',
    ],
    [
      'the outcome names the one of two owners seen again that has the lower node',
      [a, b, down],
      ['a', 'b'],
      'held by a',
    ],
    [
      'a node in quarantine does not count for an owner seen for the first time: contended',
      [aUntrusted, a, yes],
      [],
      'contended',
    ],
    ['a node in quarantine counts for an owner seen again: held', [aUntrusted, a, yes], ['a'], 'held by a'],
    [
      'an owner of a majority of the nodes that vote holds the resource at once',
      [aUntrusted, a, a],
      [],
      'held by a',
    ],
    ['nodes in quarantine that refuse are not unreachable', [aUntrusted, aUntrusted, yes], [], 'contended'],
    ['a single node that refuses is held', [a], [], 'held by a'],
    ['a single node that is down is unreachable', [down], [], 'unreachable'],
    ['one refusal and one node down prove neither held nor unreachable', [down, a, out], [], 'contended'],
    ['a vote that has not come does not count for an owner seen again', [a, b, out], ['a'], 'contended'],
    ['a vote that has not come does not count for a tick on record', [alreadyRan, a, out], [], 'contended'],
    ['a majority down is unreachable before the last vote has come', [down, down, out], [], 'unreachable'],
    ['a majority of one owner is held before the last vote has come', [a, a, out], [], 'held by a'],
  ])('%s', (_claim, votes, seenBefore, outcome) => {
    expect(nameOf(outcomeOf(votes, new Set(seenBefore)))).toBe(outcome);
  });

  it('the outcome has the longest remaining time that a node reported for the holder', () => {
    const votes = [heldBy('a', 300), heldBy('b', 9_000), heldBy('a', 700), heldBy('a', 500), down];
    expect(outcomeOf(votes)).toEqual({ kind: 'held', owner: 'a', remainingMs: 700 });
  });

  it('a missing remaining time counts as 0', () => {
    const refused: Vote = { kind: 'refused', reason: 'held', owner: 'a' };
    expect(outcomeOf([refused, refused, yes])).toEqual({ kind: 'held', owner: 'a', remainingMs: 0 });
  });

  it('the outcome is the naive one, for all patterns of up to five votes and all owners seen before', () => {
    const alphabet: Vote[] = [yes, a, b, aUntrusted, alreadyRan, down];
    const faults: string[] = [];
    for (let nodeCount = 1; nodeCount <= 5; nodeCount++) {
      for (const votes of wordsOver(alphabet, nodeCount)) {
        for (const seenBefore of [[], ['a'], ['b'], ['a', 'b']]) {
          const said = nameOf(outcomeOf(votes, new Set(seenBefore)));
          const expected = naiveOutcome(votes, seenBefore);
          if (said !== expected)
            faults.push(`${inWords(votes)} after ${seenBefore.join()}: ${said}, not ${expected}`);
        }
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('isConclusive', () => {
  const alphabet: MaybeVote[] = [yes, a, b, aUntrusted, alreadyRan, down, out];
  const answers: Vote[] = [yes, a, b, aUntrusted, alreadyRan, down];

  it('an early outcome other than contended is not changed by any later vote', () => {
    const faults: string[] = [];
    for (let nodeCount = 1; nodeCount <= 5; nodeCount++) {
      for (const votes of wordsOver(alphabet, nodeCount)) {
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
    ['a dead node failed before the others could answer: not yet', [down, a, out], false],
    ['two nodes of five are dead and the majority has not answered: not yet', [down, down, a, a, out], false],
    ['an owner may still turn out to be the holder: not yet', [yes, a, b, out, out], false],
    ['no owner can get a majority any more: yes', [yes, yes, a, b, out], true],
    ['one owner has a majority, even if the others hang: yes', [a, a, a, out, out], true],
    ['a node is down and a majority has answered: yes', [down, a, b], true],
    ['a majority is down: yes', [down, down, out], true],
    ['two of four nodes are down, so no majority can answer any more: yes', [down, down, out, out], true],
    ['no node has answered: not yet', [out, out, out], false],
    ['the only node has answered: yes', [a], true],
  ])('a lost round is conclusive: %s', (_claim, votes, conclusive) => {
    expect(isConclusive(votes)).toBe(conclusive);
  });

  it('a lost round is conclusive exactly when no vote to come could change its outcome', () => {
    const faults: string[] = [];
    for (let nodeCount = 1; nodeCount <= 5; nodeCount++) {
      for (const votes of wordsOver(alphabet, nodeCount)) {
        const missing = votes.filter((vote) => vote === undefined).length;
        const outcomes = new Set<string>();
        for (const rest of wordsOver(answers, missing)) {
          outcomes.add(nameOf(outcomeOf(votes.map((vote) => vote ?? rest.pop()!))));
        }
        const expected = outcomes.size === 1 && outcomes.has(nameOf(outcomeOf(votes)));
        if (isConclusive(votes) !== expected) faults.push(`${inWords(votes)}: ${[...outcomes].join()}`);
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('ownersIn', () => {
  it('ownersIn has the owners that refusals name, and no others', () => {
    expect(ownersIn([a, yes, out, down, alreadyRan, b, a])).toEqual(['a', 'b', 'a']);
    expect(ownersIn([yes, down, out])).toEqual([]);
  });
});

describe('hasPriority', () => {
  it.each<[string, MaybeVote[], string[], boolean]>([
    ['the owner of the lowest node has priority', [yes, a, b], [], true],
    ['the owner of a higher node yields', [a, yes, b], [], false],
    ['a node that is down is passed over: the owner of the next one has priority', [down, yes, a], [], true],
    [
      'a node in quarantine is passed over: its owner cannot know that it has it',
      [aUntrusted, yes, b],
      [],
      true,
    ],
    [
      'a node that is down is passed over by the others too: they yield to the owner of the next one',
      [down, a, yes],
      [],
      false,
    ],
    ['a vote that has not come is passed over', [out, yes, a], [], true],
    ['a client without a grant has no priority', [a, b, c], [], false],
    ['nobody has priority if all nodes are down', [down, down, down], [], false],
    ['an owner that was seen before is passed over', [a, yes, b], ['a'], true],
    ['an owner that was seen before is passed over, but not the owner after it', [a, b, yes], ['a'], false],
    ['a tick on record has no owner and is passed over', [alreadyRan, yes, a], [], true],
  ])('%s', (_claim, votes, seenBefore, expected) => {
    expect(hasPriority(votes, new Set(seenBefore))).toBe(expected);
  });

  /**
   * The owner of each node: a client by number, an owner that was seen before (`gone`), or none, as the node
   * is down.
   */
  const worldOf = (nodes: number): fc.Arbitrary<(number | 'gone' | 'down')[]> =>
    fc.array(
      fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, fc.constantFrom('gone' as const, 'down' as const)),
      {
        minLength: nodes,
        maxLength: nodes,
      },
    );

  it('exactly one client of a split vote has priority: the owner of the lowest node', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }).chain(worldOf), (world) => {
        const seenBefore = new Set(['gone']);
        const seenBy = (client: number): Vote[] =>
          world.map((owner) =>
            owner === 'down'
              ? down
              : owner === client
                ? yes
                : heldBy(owner === 'gone' ? owner : `client ${owner}`),
          );
        const lowest = world.find((owner) => typeof owner === 'number');
        const first = [0, 1, 2, 3, 4].filter((client) => hasPriority(seenBy(client), seenBefore));
        expect(first).toEqual(lowest === undefined ? [] : [lowest]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('the owner of the lowest node has priority if it has that grant, even if other votes are lost', () => {
    const nodeCount = 5;
    const perNode = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
      fc.array(value, { minLength: nodeCount, maxLength: nodeCount });
    fc.assert(
      fc.property(perNode(fc.nat(3)), perNode(fc.boolean()), (owners, lost) => {
        const first = owners[0]!;
        const seen = owners.map((owner, node): Vote => {
          if (node > 0 && lost[node]) return down;
          return owner === first ? yes : heldBy(`client ${owner}`);
        });
        expect(hasPriority(seen)).toBe(true);
      }),
    );
  });
});
