import { isMember, majorityOfList, type ListPair, type MemberList } from './member-list.js';
import { isOutvoted, type MemberView } from './view.js';

/**
 * Leaves out the foreign ones of the lists that a client knows. Nodes may have been used with others before,
 * as in a test. So a client may know lists that do not follow on each other, each of which a majority votes
 * under. All clients of the same nodes have to go by the same one of these, whichever node answers first: by
 * the one that is nearest to their own list, then the longest, then the latest.
 */
export function withoutForeign(
  lists: readonly MemberList[],
  pairs: readonly ListPair[],
  views: readonly MemberView[],
): readonly MemberList[] {
  const inUse = lists.filter((list) => !isOutvoted(views, list));
  const [nearest] = (inUse.length > 0 ? inUse : lists).toSorted(
    (a, b) =>
      distanceOf(a, views) - distanceOf(b, views) ||
      b.members.length - a.members.length ||
      b.epoch - a.epoch ||
      (a.id < b.id ? -1 : 1),
  );
  if (nearest === undefined) return lists;
  return lists.filter((list) => list === nearest || areRelated(list, nearest, pairs));
}

/**
 * Whether one list may have come from the other by changes. A list that shares no majority of the shorter one
 * may have come from it only by the word of an operator, or by changes that the client did not see.
 */
function areRelated(one: MemberList, other: MemberList, pairs: readonly ListPair[]): boolean {
  const common = one.members.filter(({ id }) => isMember(other, id)).length;
  const ids = [one.id, other.id];
  return (
    common >= Math.min(majorityOfList(one), majorityOfList(other)) ||
    pairs.some(({ list, previous }) => [list.id, previous?.id].every((id) => ids.includes(id ?? '')))
  );
}

/** How many members of a list are nodes of the client. */
const commonOf = (list: MemberList, views: readonly MemberView[]): number =>
  list.members.filter((member) => views.some(({ id }) => id === member.id)).length;

/** By how many nodes a list differs from the client's own. A node without an id counts as another one. */
export const distanceOf = (list: MemberList, views: readonly MemberView[]): number =>
  list.members.length + views.length - 2 * commonOf(list, views);

/** The least that it may be: a node without an id may be any member that no other one is. */
export function leastDistanceOf(list: MemberList, views: readonly MemberView[]): number {
  const unknown = views.filter(({ id }) => id === undefined).length;
  return distanceOf(list, views) - 2 * Math.min(unknown, list.members.length - commonOf(list, views));
}
