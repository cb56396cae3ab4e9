import type { CoreEdit } from './load-core.js';
import type { NodeFlaws } from './model.js';

/** A rule that is left out. */
export interface MembershipMutation {
  readonly name: string;
  readonly edits?: readonly CoreEdit[];
  readonly flaws?: NodeFlaws;
  /** A seed whose world shows the mistake. */
  readonly seed: number;
}

const knowledge = (original: string, replacement: string): CoreEdit => ({
  file: 'membership/knowledge.ts',
  original,
  replacement,
});
const ON_PREVIOUS = 'previous !== undefined && membersAmong(those, previous) >= majorityOfList(previous)';

/**
 * The rules without which the random worlds have two holders at once. The others are too rare there, and each
 * has a test of its own in membership.test.ts: the epoch in a list's id, and the higher epoch of a write;
 * trusted nodes only; no change onto a blank member; a restore by a majority of the others, by a list that
 * they have, and that there is one at all. That a record of another memory counts for nothing is decided by
 * the scripts, which script-model.test.ts compares with its model.
 */
export const MEMBERSHIP_MUTATIONS: readonly MembershipMutation[] = [
  { name: 'no check at the vote', flaws: { noCheckAtVote: true }, seed: 281 },
  { name: 'no wait for the leases that are out', flaws: { noWait: true }, seed: 293 },
  { name: 'a list two changes back that is accepted', flaws: { acceptsOlderLists: true }, seed: 281 },
  {
    name: 'a list that is active on a majority of itself alone',
    edits: [knowledge(ON_PREVIOUS, 'previous !== undefined')],
    seed: 243,
  },
  {
    name: 'a base that was never active',
    edits: [
      knowledge('if (isFirst(record) && isOnAllMembers(views, record)) this.#add(list);', 'this.#add(list);'),
    ],
    seed: 147,
  },
  { name: 'a write without compare', flaws: { noCompare: true }, seed: 5125 },
  { name: 'no quarantine', flaws: { noQuarantine: true }, seed: 518 },
  {
    name: 'a list that is active on one node of each',
    edits: [
      knowledge(
        'if (membersAmong(those, list) < majorityOfList(list)) return false;',
        'if (those.length === 0) return false;',
      ),
      knowledge(ON_PREVIOUS, 'previous !== undefined'),
    ],
    seed: 2657,
  },
  {
    name: 'a first list that is believed on a majority of its members',
    edits: [knowledge('return missing <= longAway && list', 'return longAway >= 0 && list')],
    seed: 3563,
  },
];
