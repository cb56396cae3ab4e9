import { areSameMembers, isMember, majorityOfList, type MemberList } from './member-list.js';
import type { MembershipKnowledge } from './knowledge.js';
import { isHere, ownMembersOf, type MemberView } from './view.js';

/** Whether a node votes under this list: it has it as its present list or as the one before. */
export const votesUnder = (view: MemberView, list: MemberList): boolean =>
  isHere(view) &&
  isMember(list, view.id) &&
  (view.agrees || view.record?.list.id === list.id || view.record?.previous?.id === list.id);

/** How many nodes would accept a vote under this list now. */
const supportOf = (views: readonly MemberView[], list: MemberList): number =>
  views.filter((view) => view.isTrusted && votesUnder(view, list)).length;

/** Whether so many members of a list vote under later ones that no majority votes under it any more. */
export function isOutvoted(views: readonly MemberView[], list: MemberList): boolean {
  const gone = views.filter(
    (view) =>
      isHere(view) &&
      isMember(list, view.id) &&
      (view.record?.list.epoch ?? -1) > list.epoch &&
      !votesUnder(view, list),
  );
  return gone.length > list.members.length - majorityOfList(list);
}

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
