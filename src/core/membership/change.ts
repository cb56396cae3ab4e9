import { listAheadOf } from './choice.js';
import { isActive, type MembershipKnowledge } from './knowledge.js';
import {
  areSameMembers,
  differenceOf,
  isFirst,
  isMember,
  mayHide,
  memberList,
  type ListPair,
  type Member,
  type MemberList,
} from './member-list.js';
import { leastDistanceOf } from './nearest.js';
import { mayWrite, takesChangeOf } from './record.js';
import { isHere, isMajorityOf, ownMembersOf, votesUnder, type HereView, type MemberView } from './view.js';
import {
  inEither,
  NOTHING,
  RIVAL_MS,
  writesOf,
  type MembershipNotice,
  type MembershipPlan,
  type PlanSettings,
} from './write.js';
import { majorityOf } from '../quorum.js';

/** What follows on the latest known list: its own successor, another one that is under way, or a catch-up. */
export function change(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  latest: MemberList,
  { digest, mayChange }: PlanSettings,
): MembershipPlan {
  const own = ownMembersOf(views);
  const push = (pair: ListPair): MembershipPlan => ({
    writes: writesOf(views, 'change', pair, inEither(pair)),
    notices: [],
  });
  const successor = (members: readonly Member[]): MembershipPlan => {
    const epoch = knowledge.highestEpoch + 1;
    return push({ list: memberList(digest, epoch, members, latest.id), previous: latest });
  };
  const underWay = views
    .filter(isHere)
    .flatMap(({ record, recordAgeMs }) =>
      record !== undefined && record.previous?.id === latest.id ? [{ ...record, recordAgeMs }] : [],
    )
    .toSorted((a, b) => b.list.epoch - a.list.epoch);
  const latestPair = knowledge.pairOf(latest);
  const towards = mayChange && own !== undefined ? stepTowards(own, latest) : undefined;
  const isKeptOut =
    isMajorityOf(
      latest,
      views.filter((view) => takesChange(view, latest)),
    ) && views.some((view) => isHere(view) && keepsOut(view, latest, latestPair, towards));
  const step = isKeptOut ? latest.members : towards;
  const wanted = step ?? own ?? latest.members;
  const same = underWay.find(({ list }) => areSameMembers(list.members, wanted));
  const rival = underWay.find(({ list }) => !areSameMembers(list.members, wanted));
  const difference = own === undefined ? 0 : differenceOf(own, latest.members);
  const isOld = rival === undefined || (rival.recordAgeMs > RIVAL_MS && !isActive(views, rival));
  if (same !== undefined && (rival === undefined || rival.list.epoch < same.list.epoch || !mayChange))
    return isOld ? push({ list: same.list, previous: latest }) : NOTHING;
  const isRepeated = latestPair !== undefined && isToBeRepeated(latestPair, own, knowledge);
  if (
    isRepeated &&
    underWay.length === 0 &&
    (isFirst(latestPair) || isPossible(views, latest.members, latest))
  )
    return successor(latest.members);
  if (step !== undefined && isPossible(views, step, latest)) return isOld ? successor(step) : NOTHING;
  // Nodes that forgot, and go on under a list of the same members, are no reason to warn.
  const ahead = listAheadOf(views, knowledge);
  const isLeftBehind = ahead !== undefined && !(own && areSameMembers(own, ahead.members));
  const isTooFar = (difference > 1 && step === undefined) || isLeftBehind;
  const isSeenInPart = isMajorityOf(latest, views.filter(isHere)) && !views.every(isHere);
  const isOutOfReach = isSeenInPart && leastDistanceOf(latest, views) > 1;
  const notices: MembershipNotice[] = isTooFar ? ['too far apart'] : isOutOfReach ? ['out of reach'] : [];
  if (latestPair === undefined || knowledge.activeSince(latest) === undefined) return { writes: [], notices };
  return { writes: writesOf(views, 'change', latestPair, inEither(latestPair)), notices };
}

/**
 * Whether a list is followed by itself. A first list is believed by nobody but those who saw it everywhere.
 * Another one may be hidden by the list before it. As the list before the next, every node tells of it.
 */
export const isToBeRepeated = (
  pair: ListPair,
  own: readonly Member[] | undefined,
  knowledge: MembershipKnowledge,
): boolean =>
  isFirst(pair) ||
  (mayHide(pair) &&
    own !== undefined &&
    areSameMembers(own, pair.list.members) &&
    knowledge.activeSince(pair.list) !== undefined);

/**
 * Whether a node is kept out for good by the list that it has: one that was begun at the same time, or came
 * into use while the node was away or the others forgot. A change goes only onto what is older than the list
 * before it. So the list in use is followed by itself until it is later.
 */
function keepsOut(
  view: HereView,
  latest: MemberList,
  latestPair: ListPair | undefined,
  next: readonly Member[] | undefined,
): boolean {
  const { id, record } = view;
  if (record === undefined || votesUnder(view, latest)) return false;
  if (!isMember(latest, id))
    return next?.some((member) => member.id === id) === true && !takesChange(view, latest);
  return latestPair !== undefined && !mayWrite(record, id, { kind: 'change', ...latestPair });
}

/** Whether a node takes a change of a list now. */
const takesChange = (view: MemberView, base: MemberList): boolean =>
  isHere(view) && (view.agrees || takesChangeOf(view.record, view.id, base));

/**
 * The next list on the way to the client's own, one node away from the one in use. A client that differs by
 * more goes on by itself only if it adds nodes, or if it has another server at the address of a member: a
 * client with a short list by mistake must not take nodes away from all others.
 */
function stepTowards(own: readonly Member[], latest: MemberList): readonly Member[] | undefined {
  const difference = differenceOf(own, latest.members);
  if (difference <= 1) return difference === 0 ? undefined : own;
  const added = own.find(({ id }) => !isMember(latest, id));
  const gone = latest.members.filter((member) => own.every(({ id }) => id !== member.id));
  if (!gone.every((member) => own.some(({ address }) => address === member.address))) return undefined;
  return added === undefined
    ? latest.members.filter((member) => member !== gone[0])
    : [...latest.members, added];
}

/** Whether a change can succeed now: new nodes take it, and majorities of both lists do. */
function isPossible(views: readonly MemberView[], next: readonly Member[], latest: MemberList): boolean {
  const those = views.filter((view) => takesChange(view, latest));
  const takes = ({ id }: Member): boolean => those.some((view) => view.id === id);
  return (
    next.every((member) => isMember(latest, member.id) || takes(member)) &&
    next.filter(takes).length >= majorityOf(next.length) &&
    isMajorityOf(latest, those)
  );
}
