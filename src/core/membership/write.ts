import { isMember, isSamePair, type Digest, type ListPair } from './member-list.js';
import { mayWrite, outstandingAt, type Outstanding, type RecordWrite, type WriteKind } from './record.js';
import { isHere, type HereView, type MemberView } from './view.js';

/** A write that is due on a node. */
export interface DueWrite extends RecordWrite {
  /** The node's place among the views. */
  readonly nodeIndex: number;
  /** What must still stand on the node, or nothing is written. */
  readonly memory: string;
  readonly sequence: number;
  /** What has to be over before it is in force. */
  readonly outstanding: Outstanding;
  /** In which of the two lists the node votes: those that it is a member of. */
  readonly votesIn: { readonly list: boolean; readonly previous: boolean };
}

/** What the operator should know. */
export type MembershipNotice =
  /** Two different first lists: nobody can tell which one is meant. */
  | 'two first lists'
  /** The client's list is too far from the one that is in use. */
  | 'too far apart'
  /**
   * The same, where some of its nodes cannot be reached: other clients may go by a list that only those have.
   */
  | 'out of reach'
  /** Nodes got a list back on the word of fewer others than a majority. */
  | 'restored on fewer';

export interface MembershipPlan {
  readonly writes: readonly DueWrite[];
  readonly notices: readonly MembershipNotice[];
}

export interface PlanSettings {
  readonly digest: Digest;
  /** On the client's monotonic clock. */
  readonly now: number;
  /** How long a client goes by the full rules before it acts on the word of fewer nodes, in milliseconds. */
  readonly patienceMs: number;
  /** Whether this client may still ask for its own list. It does so until its list was in use once. */
  readonly mayChange: boolean;
}

export const NOTHING: MembershipPlan = { writes: [], notices: [] };

/** In which of the two lists a node votes. */
export const votesIn = ({ id }: HereView, { list, previous }: ListPair): DueWrite['votesIn'] => ({
  list: isMember(list, id),
  previous: previous !== undefined && isMember(previous, id),
});

/** How long a rival that is not active is left alone: its writer may be about to go on. */
export const RIVAL_MS = 10_000;

/** The writes of a pair on the nodes that are meant, and that may take it. */
export function writesOf(
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

/** Whether a node is a member of either list. */
export const inEither = ({ list, previous }: ListPair): ((view: HereView) => boolean) => {
  return ({ id }) => isMember(list, id) || (previous !== undefined && isMember(previous, id));
};
