import {
  areSameMembers,
  areSameServers,
  differenceOf,
  isFirst,
  isMember,
  isSamePair,
  madeUpId,
  majorityOfList,
  memberList,
  type Digest,
  type ListPair,
  type Member,
  type MemberList,
} from './member-list.js';
import { listAheadOf, votesUnder } from './choice.js';
import { isActive, type MembershipKnowledge } from './knowledge.js';
import { mayWrite, outstandingAt, takesChangeOf, type WriteKind } from './record.js';
import { restoresIn } from './restore.js';
import { begunListIn, isHere, ownMembersOf, type HereView, type MemberView } from './view.js';
import {
  NOTHING,
  votesIn,
  type DueWrite,
  type MembershipNotice,
  type MembershipPlan,
  type PlanSettings,
} from './write.js';
import { majorityOf } from '../quorum.js';

/** How long a rival that is not active is left alone: its writer may be about to go on. */
const RIVAL_MS = 10_000;

/** Which records are to be written now. It never plans a write that the record forbids, see `mayWrite`. */
export function planWrites(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  settings: PlanSettings,
): MembershipPlan {
  const { latest } = knowledge;
  const restores = restoresIn(views, knowledge, settings);
  if (restores.writes.length > 0) return restores;
  if (latest === undefined || isForgotten(latest, views, settings.digest))
    return beginFirstList(views, knowledge, settings);
  return keepOwn(views, knowledge, latest, settings) ?? change(views, knowledge, latest, settings);
}

/**
 * Where the nodes forgot the latest list that this client knows, and others have begun the client's own list
 * anew, at a lower epoch: that is left to come into use, and is then followed by itself, which makes it the
 * latest one. To bring the known list back would ask for members that are gone.
 */
function keepOwn(
  views: readonly MemberView[],
  { highestEpoch }: MembershipKnowledge,
  latest: MemberList,
  { digest }: PlanSettings,
): MembershipPlan | undefined {
  const own = ownMembersOf(views);
  if (own === undefined || areSameMembers(own, latest.members)) return undefined;
  const pairs = views.flatMap(({ record }) => (record === undefined ? [] : [record]));
  const begun = pairs.find(
    (pair) =>
      areSameMembers(pair.list.members, own) &&
      pair.list.epoch <= latest.epoch &&
      isMajorityOf(
        pair.list,
        views.filter((view) => has(view, pair)),
      ),
  );
  if (begun === undefined) return undefined;
  if (!isActive(views, begun)) {
    const isYoung = views.some((view) => has(view, begun) && view.recordAgeMs <= RIVAL_MS);
    return isYoung ? NOTHING : undefined;
  }
  const list = memberList(digest, highestEpoch + 1, own, begun.list.id);
  const next = { list, previous: begun.list };
  return { writes: writesOf(views, 'change', next, inEither(next)), notices: [] };
}

const has = (view: MemberView, pair: ListPair): boolean =>
  isHere(view) && view.record !== undefined && isSamePair(view.record, pair);

/**
 * Whether nothing is left of a list: its members are blank, or have begun anew with a first list. Those that
 * are away may know it still, so a majority of the members has to be here. What was begun anew is completed,
 * also onto those that come back and know the same nodes by an older list.
 */
function isForgotten(list: MemberList, views: readonly MemberView[], digest: Digest): boolean {
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

/** The operator's word: the client's own list on every node that answers, whatever they have. */
export function planAcceptance(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  digest: Digest,
): readonly DueWrite[] {
  const own = ownMembersOf(views);
  if (own === undefined) return [];
  const previous = knowledge.latest;
  const list = memberList(digest, knowledge.highestEpoch + 1, own, previous?.id ?? '', true);
  return writesOf(views, 'accept', { list, previous }, () => true);
}

function writesOf(
  views: readonly MemberView[],
  kind: WriteKind,
  pair: ListPair,
  isMeant: (view: HereView) => boolean,
): DueWrite[] {
  const write = { kind, list: pair.list, previous: pair.previous };
  return views.flatMap((view, nodeIndex) => {
    if (!isHere(view) || view.agrees || !isMeant(view)) return [];
    if (view.record !== undefined && isSamePair(view.record, pair)) return [];
    const { memory, sequence } = view;
    const outstanding = outstandingAt(view.record, write);
    const due = { ...write, nodeIndex, memory, sequence, outstanding, votesIn: votesIn(view, pair) };
    return mayWrite(view.record, view.id, write) ? [due] : [];
  });
}

const inEither = ({ list, previous }: ListPair): ((view: HereView) => boolean) => {
  return ({ id }) => isMember(list, id) || (previous !== undefined && isMember(previous, id));
};

/**
 * First use: the client's nodes are blank, and it writes a first list on all of them. One that another client
 * has begun is completed. A minority that has been away for longer than any lease lives is not waited for.
 * Its nodes are in the list, with ids that are made now and that they get when they come. A node that has a
 * later list than a first one may be in quarantine; until that is over, its list is not begun anew.
 */
function beginFirstList(
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
  // A node that one client found away has a made-up id in its list: a later list has the ids of those that
  // see the nodes now.
  const latest = begunListIn(views);
  const isDecided = begun.every(
    (list) => areSameMembers(list.members, own) || list.epoch < (latest?.epoch ?? 0),
  );
  const list =
    latest === undefined || !isDecided ? memberList(digest, knowledge.highestEpoch + 1, own, '') : latest;
  const isMeant = ({ record }: HereView): boolean =>
    record === undefined || areSameServers(record.list.members, own, digest);
  return { writes: writesOf(views, 'first use', { list, previous: undefined }, isMeant), notices: [] };
}

/** What follows on the latest known list: its own successor, another one that is under way, or a catch-up. */
function change(
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
  // A first list is believed by nobody but those who saw it everywhere: its successor is the same list again.
  if (latestPair !== undefined && isFirst(latestPair) && underWay.length === 0)
    return successor(latest.members);
  if (step !== undefined && isPossible(views, step, latest)) return isOld ? successor(step) : NOTHING;
  const isTooFar = (difference > 1 && step === undefined) || listAheadOf(views, knowledge) !== undefined;
  const notices: MembershipNotice[] = isTooFar ? ['too far apart'] : [];
  if (latestPair === undefined || knowledge.activeSince(latest) === undefined) return { writes: [], notices };
  return { writes: writesOf(views, 'change', latestPair, inEither(latestPair)), notices };
}

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

const isMajorityOf = (list: MemberList, views: readonly MemberView[]): boolean =>
  list.members.filter((member) => views.some(({ id }) => id === member.id)).length >= majorityOfList(list);

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
