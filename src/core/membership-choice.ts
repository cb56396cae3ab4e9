import { areSameMembers, isMember, majorityOfList, type MemberList } from './member-list.js';
import type { MembershipKnowledge } from './membership-knowledge.js';
import { isHere, ownMembersOf, type MemberView } from './membership-view.js';

/** How many nodes would accept a vote under this list now. */
function supportOf(views: readonly MemberView[], list: MemberList): number {
  return views.filter(
    (view) =>
      isHere(view) &&
      view.isTrusted &&
      isMember(list, view.id) &&
      (view.agrees || view.record?.list.id === list.id || view.record?.previous?.id === list.id),
  ).length;
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
