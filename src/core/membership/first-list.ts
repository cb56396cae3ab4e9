import { isActive, type MembershipKnowledge } from './knowledge.js';
import {
  areSameMembers,
  areSameServers,
  isFirst,
  isMember,
  madeUpId,
  majorityOfList,
  memberList,
  type Digest,
  type MemberList,
} from './member-list.js';
import {
  begunListIn,
  hasPair,
  isHere,
  isMajorityOf,
  ownMembersOf,
  type HereView,
  type MemberView,
} from './view.js';
import { inEither, NOTHING, RIVAL_MS, writesOf, type MembershipPlan, type PlanSettings } from './write.js';
import { majorityOf } from '../quorum.js';

/**
 * Whether nothing is left of a list: its members are blank, or have begun anew with a first list. Those that
 * are away may know it still, so a majority of the members has to be here. What was begun anew is completed,
 * also onto those that come back and know the same nodes by an older list.
 */
export function isForgotten(list: MemberList, views: readonly MemberView[], digest: Digest): boolean {
  const members = views.filter((view): view is HereView => isHere(view) && isMember(list, view.id));
  const isBegunAnew = ({ record }: HereView): boolean =>
    record === undefined || (isFirst(record) && record.list.id !== list.id);
  const isLaterFirst = ({ record }: HereView): boolean =>
    record !== undefined &&
    isFirst(record) &&
    record.list.epoch > list.epoch &&
    areSameServers(record.list.members, list.members, digest);
  if (members.length < majorityOfList(list)) return false;
  return members.every(isBegunAnew) || members.some(isLaterFirst);
}

/**
 * First use: the client's nodes are blank, and it writes a first list on all of them. One that another client
 * has begun is completed. A minority that has been away for longer than any lease lives is not waited for.
 * Its nodes are in the list, with ids that are made now and that they get when they come. A node that has a
 * later list than a first one may be in quarantine; until that is over, its list is not begun anew.
 */
export function beginFirstList(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  { digest, patienceMs }: PlanSettings,
): MembershipPlan {
  const here = views.filter(isHere);
  const mayTellSoon = ({ record, hereForMs }: HereView): boolean =>
    record !== undefined && !isFirst(record) && hereForMs <= patienceMs;
  if (knowledge.latest === undefined && here.some(mayTellSoon)) return NOTHING;
  if (here.length < majorityOf(views.length)) return NOTHING;
  if (!views.every((view) => isHere(view) || view.isLongAway)) return NOTHING;
  const own = views.map(({ id, address }) => ({ id: id ?? madeUpId(digest, address), address }));
  const begun = here.flatMap(({ record }) => (record !== undefined && isFirst(record) ? [record.list] : []));
  if (begun.some((list) => !areSameServers(list.members, own, digest)))
    return { writes: [], notices: ['two first lists'] };
  const isMeant = ({ record }: HereView): boolean =>
    record === undefined || areSameServers(record.list.members, own, digest);
  const latest = begunListIn(views);
  // A node that one client found away has a made-up id in its list: a later list has the ids of those that
  // see the nodes now.
  const isDecided = begun.every(
    (list) => areSameMembers(list.members, own) || list.epoch < (latest?.epoch ?? 0),
  );
  const isLatest = !here.some((view) => isMeant(view) && keepsOutFirst(view, latest));
  const list =
    latest === undefined || !isDecided || !isLatest
      ? memberList(digest, knowledge.highestEpoch + 1, own, '')
      : latest;
  return { writes: writesOf(views, 'first use', { list, previous: undefined }, isMeant), notices: [] };
}

/**
 * Whether a node is kept out for good by a list that is as late as the one that was begun, and does not come
 * from it: while some clients begin anew, others may still go on from what was there before.
 */
const keepsOutFirst = ({ record }: HereView, begun: MemberList | undefined): boolean =>
  record !== undefined &&
  begun !== undefined &&
  record.list.id !== begun.id &&
  record.previous?.id !== begun.id &&
  record.list.epoch >= begun.epoch;

/**
 * Lets the client's own list come into use if others have begun it anew, at a lower epoch, because the nodes
 * forgot the latest list that this client knows. Once in use, it is followed by itself, which makes it the
 * latest one. The known list is not brought back: its members are gone.
 */
export function keepOwn(
  views: readonly MemberView[],
  { highestEpoch }: MembershipKnowledge,
  latest: MemberList,
  { digest }: PlanSettings,
): MembershipPlan | undefined {
  const own = ownMembersOf(views);
  if (own === undefined || areSameMembers(own, latest.members)) return undefined;
  const here = views.filter(isHere);
  const pairs = here.flatMap(({ record }) => (record === undefined ? [] : [record]));
  const begun = pairs.find(
    (pair) =>
      areSameMembers(pair.list.members, own) &&
      pair.list.epoch <= latest.epoch &&
      isMajorityOf(
        pair.list,
        here.filter((view) => hasPair(view, pair)),
      ),
  );
  if (begun === undefined) return undefined;
  if (!isActive(views, begun)) {
    const isYoung = here.some((view) => hasPair(view, begun) && view.recordAgeMs <= RIVAL_MS);
    return isYoung ? NOTHING : undefined;
  }
  const list = memberList(digest, highestEpoch + 1, own, begun.list.id);
  const next = { list, previous: begun.list };
  return { writes: writesOf(views, 'change', next, inEither(next)), notices: [] };
}
