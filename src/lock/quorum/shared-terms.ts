import type { Electorate } from '../../core/electorate.js';
import type { LockEvent } from '../../api/events.js';

export type Op = Extract<LockEvent, { type: 'vote' }>['op'];

/** What calls to the nodes have in common that are made at the same instant with the same terms. */
export interface SharedTerms {
  readonly op: Op;
  /** On the monotonic clock, as is `deadlineAt`. */
  readonly sentAt: number;
  /** When a node that has not answered counts as failed. */
  readonly deadlineAt: number;
  /** The list of nodes that they are voted under. */
  readonly electorate: Electorate;
}
