import type { Membership } from '../../api/membership.js';
import { areSameMembers, isMember, type MemberList } from '../../core/membership/member-list.js';
import type { MembershipKnowledge } from '../../core/membership/knowledge.js';
import { isOutvoted, ownMembersOf, type MemberView } from '../../core/membership/view.js';
import type { LockNode } from '../../node/lock-node.js';
import { keepsRecord } from './node-views.js';

/** The list in use, as users see it. The views are those of the nodes, in the same order. */
export function membershipOf(
  nodes: readonly LockNode[],
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  list: MemberList | undefined,
): Membership {
  const members = list?.members ?? [];
  const own = nodes.filter((_, nodeIndex) => members.some(({ id }) => id === views[nodeIndex]?.id));
  const others = members.filter(({ id }) => !views.some((view) => view.id === id));
  const latest = knowledge.latest ?? list;
  const behind = nodes.filter((_, nodeIndex) => {
    const view = views[nodeIndex];
    if (view === undefined || view.agrees || latest === undefined) return false;
    return isMember(latest, view.id) && (view.record?.list.epoch ?? -1) < latest.epoch;
  });
  const ownMembers = ownMembersOf(views);
  return {
    nodes: [...own.map(({ name }) => name), ...others.map(({ address }) => address)],
    epoch: list?.epoch,
    isActive: list !== undefined && knowledge.wasActive(list) && !isOutvoted(views, list),
    isOwn: !nodes.some(keepsRecord) || (ownMembers !== undefined && areSameMembers(ownMembers, members)),
    behind: behind.map(({ name }) => name),
  };
}
