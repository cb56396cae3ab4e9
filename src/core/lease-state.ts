/**
 * Why a lease was lost: it ended before its holder released it.
 *
 * - `unreachable`: no majority of the nodes could be reached in time to extend it.
 * - `mismatch`: no majority votes in this client's list of nodes any more, so none extended it.
 * - `taken`: a majority of the nodes no longer has its keys; another holder may have them.
 * - `not_extended`: its TTL ran out, and automatic extension was off.
 * - `max_hold`: it reached `maxHoldMs`.
 * - `stalled`: this process did not run when the lease had to be extended.
 * - `closed`: its lock manager was closed.
 */
export type LossReason =
  'unreachable' | 'mismatch' | 'taken' | 'not_extended' | 'max_hold' | 'stalled' | 'closed';

/** A lease is held, and then released, transferred or lost. No transition leads back. */
export type LeaseState =
  | { readonly phase: 'held' }
  | { readonly phase: 'released' }
  | { readonly phase: 'transferred' }
  | { readonly phase: 'lost'; readonly reason: LossReason };

/** The state of a lease that was just acquired. */
export const HELD: LeaseState = { phase: 'held' };

/** The state after the holder's release. A lost lease stays lost. */
export const released = (state: LeaseState): LeaseState =>
  state.phase === 'held' ? { phase: 'released' } : state;

/** The state after the holder has given it away. A lease that is over stays as it is. */
export const transferred = (state: LeaseState): LeaseState =>
  state.phase === 'held' ? { phase: 'transferred' } : state;

/** The state after the loss. A released lease stays released. */
export const lost = (state: LeaseState, reason: LossReason): LeaseState =>
  state.phase === 'held' ? { phase: 'lost', reason } : state;
