import {
  isMember,
  areSameMembers,
  mayBeSameServers,
  type ListPair,
  type Member,
  type MemberList,
} from './member-list.js';

/** Why a client writes a pair of lists on a node. */
export type WriteKind = 'first use' | 'change' | 'restore' | 'accept';

/** What a client wants to write on a node. */
export interface RecordWrite extends ListPair {
  readonly kind: WriteKind;
}

/**
 * Whether a node's record may be replaced. The script on the node makes sure that the record is the one that
 * was read. `record` is undefined on a blank node: one that has none, or none that was written in its present
 * memory.
 *
 * - A change goes onto the base, onto a rival of the same base, onto anything older than the base, and onto a
 *   blank node that was no member of the base. Never onto a blank member: it may have forgotten a later list.
 * - A restore goes onto a blank node only.
 * - A first list goes onto a blank node, or onto an older list of the same servers: one of the two may have a
 *   made-up id for a node that was away.
 * - An operator's word goes onto whatever is older.
 */
export function mayWrite(record: ListPair | undefined, nodeId: string, write: RecordWrite): boolean {
  const { kind, list, previous } = write;
  if (record !== undefined && record.list.epoch >= list.epoch) return false;
  switch (kind) {
    case 'restore':
      return record === undefined;
    case 'accept':
      return true;
    case 'first use':
      return record === undefined || mayBeSameServers(record.list.members, list.members);
    case 'change':
      return previous !== undefined && takesChangeOf(record, nodeId, previous);
  }
}

/** Whether a change of `base` goes onto what a node has, as `mayWrite` says. */
export function takesChangeOf(record: ListPair | undefined, nodeId: string, base: MemberList): boolean {
  if (record === undefined) return !isMember(base, nodeId);
  return record.list.id === base.id || record.previous?.id === base.id || record.list.epoch < base.epoch;
}

/**
 * What has to be over before a record is in force, because it may have counted a vote under another list:
 * - `nothing`: the node was blank and voted for nothing, or all lists that it had are of the same members.
 * - `own votes`: what this node has granted. Every lease that could stand in the way counts a vote of a node
 *   on which the new list is written.
 * - `all votes`: also what other nodes have granted, that are away.
 */
export type Outstanding = 'nothing' | 'own votes' | 'all votes';

export function outstandingAt(
  record: ListPair | undefined,
  { kind, list, previous }: RecordWrite,
): Outstanding {
  if (kind === 'accept') return 'all votes';
  if (record === undefined) return kind === 'first use' ? 'nothing' : 'own votes';
  const lists = [record.list, record.previous, previous];
  const areSame = lists.every((one) => one === undefined || areSameMembers(one.members, list.members));
  return areSame ? 'nothing' : 'own votes';
}

type ListText = readonly [string, number, number, readonly (readonly [string, string])[]];

const toText = ({ id, epoch, isAccepted, members }: MemberList): ListText => [
  id,
  epoch,
  isAccepted ? 1 : 0,
  members.map((member) => [member.id, member.address]),
];

/** The text that is kept on a node. */
export const writePair = ({ list, previous }: ListPair): string =>
  JSON.stringify(previous === undefined ? [toText(list)] : [toText(list), toText(previous)]);

/** Reads that text; `undefined` where it is not one. */
export function readPair(text: string): ListPair | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(read) || read.length === 0 || read.length > 2) return undefined;
  const [list, previous] = read.map(listIn);
  if (list === undefined || (read.length === 2 && previous === undefined)) return undefined;
  return { list, previous };
}

function listIn(read: unknown): MemberList | undefined {
  if (!Array.isArray(read)) return undefined;
  const [id, epoch, accepted, members] = read as readonly unknown[];
  if (typeof id !== 'string' || id === '' || !Number.isSafeInteger(epoch) || !Array.isArray(members))
    return undefined;
  const readMembers = members.map(memberIn);
  if (readMembers.length === 0 || !readMembers.every((member) => member !== undefined)) return undefined;
  return { id, epoch: Number(epoch), members: readMembers, isAccepted: accepted === 1 };
}

function memberIn(read: unknown): Member | undefined {
  if (!Array.isArray(read)) return undefined;
  const [id, address] = read as readonly unknown[];
  return typeof id === 'string' && typeof address === 'string' ? { id, address } : undefined;
}
