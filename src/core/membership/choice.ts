import { areSameMembers, majorityOfList, type MemberList } from './member-list.js';
import type { MembershipKnowledge } from './knowledge.js';
import { isHere, isOutvoted, ownMembersOf, votesUnder, type MemberView } from './view.js';

/** How many nodes would accept a vote under this list now. */
const supportOf = (views: readonly MemberView[], list: MemberList): number =>
  views.filter((view) => view.isTrusted && votesUnder(view, list)).length;

/**
 * The list that the nodes have gone on to, where this client knows none that a majority still votes under.
 * `undefined`: it is not left behind.
 */
export function listAheadOf(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
): MemberList | undefined {
  const chosen = listToVoteUnder(views, knowledge);
  if (chosen === undefined || !isOutvoted(views, chosen)) return undefined;
  const lists = views.filter(isHere).flatMap(({ record }) => (record === undefined ? [] : [record.list]));
  return lists.toSorted((a, b) => b.epoch - a.epoch)[0];
}

/**
 * The list that a client votes under. Any known one is safe; of these, one that has a majority now goes
 * first, then the client's own, then the latest. `undefined`: no list is known yet.
 */
export function listToVoteUnder(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
): MemberList | undefined {
  const own = ownMembersOf(views);
  const rankOf = (list: MemberList): number =>
    (supportOf(views, list) >= majorityOfList(list) ? 2 : 0) +
    (own !== undefined && areSameMembers(own, list.members) ? 1 : 0);
  return knowledge.known
    .map((list) => ({ list, rank: rankOf(list) }))
    .toSorted((a, b) => b.rank - a.rank || b.list.epoch - a.list.epoch)[0]?.list;
}
