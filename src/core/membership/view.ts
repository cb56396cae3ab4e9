import {
  isFirst,
  isMember,
  isSamePair,
  majorityOfList,
  type ListPair,
  type Member,
  type MemberList,
} from './member-list.js';

/** What a client knows of one of its nodes, as far as lists of members are concerned. */
export interface MemberView {
  readonly address: string;
  /** The id of the node at this address, the present one or the last one known. */
  readonly id: string | undefined;
  /** Whether it answers now, under an id that no other of the client's nodes has. */
  readonly isHere: boolean;
  /** For how long this node has been the one at this address, in milliseconds; 0 where it does not answer. */
  readonly hereForMs: number;
  /** Whether it has not answered for longer than any lease lives. */
  readonly isLongAway: boolean;
  /** Whether its votes count: it is in no quarantine. */
  readonly isTrusted: boolean;
  /** It keeps no record, and votes under any list: a node in memory, or of a kind of its own. */
  readonly agrees: boolean;
  /** Names its present memory. A node that forgets gets another one. */
  readonly memory: string;
  /** The number of its record, which grows with every write. */
  readonly sequence: number;
  /** `undefined`: it is blank, it has none that was written in its present memory. */
  readonly record: ListPair | undefined;
  /** Whether every lease that counts a vote from before the record was written is over. */
  readonly isInForce: boolean;
  /** How long ago the record was written, in milliseconds; of a blank node, how long ago its memory began. */
  readonly recordAgeMs: number;
  /** When the look that told this was sent, on the client's monotonic clock. */
  readonly lookedAt: number;
  /** Since when the client has known it as blank in its present memory; `undefined` if it is not blank. */
  readonly blankSince: number | undefined;
}

/** A view of a node that answers under a known id. */
export type HereView = MemberView & { readonly id: string };

export const isHere = (view: MemberView): view is HereView => view.isHere && view.id !== undefined;

/** The first list that some client has begun to write, the one of the highest epoch. */
export function begunListIn(views: readonly MemberView[]): MemberList | undefined {
  const begun = views
    .filter(isHere)
    .flatMap(({ record }) => (record !== undefined && isFirst(record) ? [record.list] : []));
  return begun.toSorted((a, b) => b.epoch - a.epoch)[0];
}

/** The client's own list: the nodes that it was given. Undefined as long as one of them has no id. */
export function ownMembersOf(views: readonly MemberView[]): readonly Member[] | undefined {
  const members = views.flatMap(({ id, address }) => (id === undefined ? [] : [{ id, address }]));
  const isComplete = new Set(members.map(({ id }) => id)).size === views.length;
  return isComplete ? members : undefined;
}

/** Whether a node has exactly this pair of lists on record. */
export const hasPair = ({ record }: MemberView, pair: ListPair): boolean =>
  record !== undefined && isSamePair(record, pair);

/** How many members of a list are among these nodes. */
export const membersAmong = (views: readonly MemberView[], list: MemberList): number =>
  views.filter(({ id }) => isMember(list, id)).length;

/** Whether a majority of a list is among these nodes. */
export const isMajorityOf = (list: MemberList, views: readonly MemberView[]): boolean =>
  membersAmong(views, list) >= majorityOfList(list);

/** Whether a node votes under this list: it has it as its present list or as the one before. */
export const votesUnder = (view: MemberView, list: MemberList): boolean =>
  isHere(view) &&
  isMember(list, view.id) &&
  (view.agrees || view.record?.list.id === list.id || view.record?.previous?.id === list.id);

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
