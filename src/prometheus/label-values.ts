import type { FailureReason, LockEvent, RefusalReason } from '../index.js';

type EventOf<Type extends LockEvent['type']> = Extract<LockEvent, { readonly type: Type }>;

/**
 * The keys of a table. The compiler checks that the table is complete, so a new reason cannot be forgotten
 * here.
 */
const keysOf = <Key extends string>(table: Readonly<Record<Key, true>>): readonly Key[] =>
  Object.keys(table) as Key[];

// A series can only start at zero if its label values are known before the first event: hence these lists.

export const SKIP_REASONS = keysOf<EventOf<'skipped'>['reason']>({
  held: true,
  already_ran: true,
  draining: true,
});

export const FAILURE_REASONS = keysOf<EventOf<'failed'>['reason']>({
  unreachable: true,
  untrusted: true,
  mismatch: true,
  contended: true,
});

export const LOSS_REASONS = keysOf<EventOf<'lost'>['reason']>({
  unreachable: true,
  mismatch: true,
  taken: true,
  not_extended: true,
  max_hold: true,
  stalled: true,
  closed: true,
});

export const EXTENSION_OUTCOMES = keysOf<EventOf<'extended'>['outcome']>({ extended: true, failed: true });

/** How a call of acquire ended: the names of the four events that end one. The counters have the reasons. */
export const ACQUIRE_OUTCOMES = keysOf<EventOf<'acquired' | 'skipped' | 'failed' | 'aborted'>['type']>({
  acquired: true,
  skipped: true,
  failed: true,
  aborted: true,
});

export const RUN_OUTCOMES = keysOf<EventOf<'run_finished'>['outcome']>({
  succeeded: true,
  failed: true,
  timed_out: true,
  lost: true,
});

export const MISSED_REASONS = keysOf<EventOf<'tick_missed'>['reason']>({
  policy: true,
  too_late: true,
  overlap: true,
  unreachable: true,
  forgotten: true,
});

export const ABANDONED_REASONS = keysOf<EventOf<'tick_abandoned'>['reason']>({
  retried: true,
  policy: true,
  attempts: true,
  too_late: true,
});

export const NODE_STATES = keysOf<EventOf<'node'>['node']['status']>({
  connecting: true,
  new: true,
  untrusted: true,
  ready: true,
  unreachable: true,
  misconfigured: true,
  closed: true,
});

/** The votes that say nothing about the lock, only about the node. */
export const FAILED_VOTES = keysOf<FailureReason>({
  timeout: true,
  late: true,
  unreachable: true,
  withdrawn: true,
  disconnected: true,
  error: true,
  restored: true,
  untrusted: true,
  mismatch: true,
});

export const VOTES: readonly EventOf<'vote'>['vote'][] = [
  'granted',
  ...keysOf<RefusalReason>({ held: true, already_ran: true, absent: true, superseded: true }),
  ...FAILED_VOTES,
];
