import type { CoreEdit } from './load-core.js';
import type { NodeFlaws } from './membership-model.js';

/** A rule that is left out. */
export interface MembershipMutation {
  readonly name: string;
  readonly edits?: readonly CoreEdit[];
  readonly flaws?: NodeFlaws;
  /** A seed whose world shows the mistake. */
  readonly seed: number;
}

const knowledge = (original: string, replacement: string): CoreEdit => ({
  file: 'membership-knowledge.ts',
  original,
  replacement,
});
const ON_PREVIOUS = 'previous !== undefined && membersAmong(those, previous) >= majorityOfList(previous)';

/** The rules without which the random worlds have two holders at once. */
export const MEMBERSHIP_MUTATIONS: readonly MembershipMutation[] = [
  { name: 'no check at the vote', flaws: { noCheckAtVote: true }, seed: 131 },
  { name: 'no wait for the leases that are out', flaws: { noWait: true }, seed: 2107 },
  { name: 'a list two changes back that is accepted', flaws: { acceptsOlderLists: true }, seed: 131 },
  {
    name: 'a list that is active on a majority of itself alone',
    edits: [knowledge(ON_PREVIOUS, 'previous !== undefined')],
    seed: 189,
  },
  {
    name: 'a base that was never active',
    edits: [
      knowledge('if (isFirst(record) && isOnAllMembers(views, record)) this.#add(list);', 'this.#add(list);'),
    ],
    seed: 120,
  },
];
