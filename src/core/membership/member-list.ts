import { majorityOf } from '../quorum.js';

/** A node as clients know it: its random id, and the address that one of them has for it. */
export interface Member {
  readonly id: string;
  readonly address: string;
}

/**
 * A list of nodes that vote together. Its id is a digest of its epoch, its members and the id of the list
 * before it. So no list id ever comes back: going back to an old set of nodes is a new list.
 */
export interface MemberList {
  readonly id: string;
  readonly epoch: number;
  /** Sorted by id. */
  readonly members: readonly Member[];
  /** An operator vouched for it, see `LockManager.acceptMembers`: it needs no majority of the list before. */
  readonly isAccepted: boolean;
}

/** A list, and the one before it; a first list has none before it. */
export interface ListPair {
  readonly list: MemberList;
  readonly previous: MemberList | undefined;
}

/** Makes a short text that differs for different texts. */
export type Digest = (text: string) => string;

export function memberList(
  digest: Digest,
  epoch: number,
  members: readonly Member[],
  previousId: string,
  isAccepted = false,
): MemberList {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const ids = sorted.map(({ id }) => id);
  const id = digest(JSON.stringify([epoch, ids, previousId, isAccepted]));
  return { id, epoch, members: sorted, isAccepted };
}

export const isMember = (list: MemberList, nodeId: string | undefined): boolean =>
  list.members.some(({ id }) => id === nodeId);

export const majorityOfList = (list: MemberList): number => majorityOf(list.members.length);

/** By how many nodes two sets of members differ. Majorities of two sets always meet if it is at most one. */
export function differenceOf(some: readonly Member[], others: readonly Member[]): number {
  const isIn = (members: readonly Member[], { id }: Member): boolean => members.some((one) => one.id === id);
  return some.filter((one) => !isIn(others, one)).length + others.filter((one) => !isIn(some, one)).length;
}

/** Two sets with the same members. */
export const areSameMembers = (some: readonly Member[], others: readonly Member[]): boolean =>
  differenceOf(some, others) === 0;

/** The id that all clients make up for a node that is away at first use. */
export const madeUpId = (digest: Digest, address: string): string => digest(address);

/**
 * Two sets of the same servers, although a server that was away when one of them was made has a made-up id
 * in that one.
 */
export function areSameServers(some: readonly Member[], others: readonly Member[], digest: Digest): boolean {
  const isSame = (one: Member, other: Member): boolean => {
    const madeUp = madeUpId(digest, one.address);
    const mayBeMadeUp = one.id === madeUp || other.id === madeUp;
    return one.id === other.id || (one.address === other.address && mayBeMadeUp);
  };
  return some.length === others.length && some.every((one) => others.some((other) => isSame(one, other)));
}

/** Whether two sets may be the same servers, as far as ids and addresses tell. */
export const mayBeSameServers = (some: readonly Member[], others: readonly Member[]): boolean =>
  some.length === others.length &&
  some.every((one) => others.some(({ id, address }) => one.id === id || one.address === address));

export const isSamePair = (one: ListPair, other: ListPair): boolean =>
  one.list.id === other.list.id && one.previous?.id === other.previous?.id;

/** A first list, which nobody may believe that has not seen it on all of its members. */
export const isFirst = ({ list, previous }: ListPair): boolean => previous === undefined && !list.isAccepted;

/**
 * Whether a majority of a list may be up where no majority of the list before it is. A client that starts
 * then cannot see that the list is active.
 */
export function mayHide({ list, previous }: ListPair): boolean {
  if (previous === undefined || list.isAccepted) return false;
  const added = list.members.filter(({ id }) => !isMember(previous, id)).length;
  return majorityOfList(list) - added < majorityOfList(previous);
}
