import { endOf, type Grant } from './validity.js';

/**
 * Why a lease was lost: it ended before its holder released it.
 *
 * - `unreachable`: no majority of the nodes could be reached in time to extend it.
 * - `taken`: a majority of the nodes no longer has its keys; another holder may have them.
 * - `not_extended`: its TTL ran out, and automatic extension was off.
 * - `max_hold`: it reached `maxHoldMs`.
 * - `stalled`: this process did not run when the lease had to be extended.
 * - `closed`: its lock manager was closed.
 */
export type LossReason = 'unreachable' | 'taken' | 'not_extended' | 'max_hold' | 'stalled' | 'closed';

/** A lease is held, and then released or lost. No transition leads back. */
export type LeaseState =
  | { readonly phase: 'held'; readonly grant: Grant }
  | { readonly phase: 'released' }
  | { readonly phase: 'lost'; readonly reason: LossReason };

/** The state of a lease that was just acquired. */
export const held = (grant: Grant): LeaseState => ({ phase: 'held', grant });

/**
 * The state after a won extension. An extension never shortens a lease, and a lease that has ended stays
 * ended.
 */
export function extended(state: LeaseState, grant: Grant): LeaseState {
  if (state.phase !== 'held') return state;
  return endOf(grant) > endOf(state.grant) ? held(grant) : state;
}

/** The state after the holder's release. A lost lease stays lost. */
export const released = (state: LeaseState): LeaseState =>
  state.phase === 'held' ? { phase: 'released' } : state;

/** The state after the loss. A released lease stays released. */
export const lost = (state: LeaseState, reason: LossReason): LeaseState =>
  state.phase === 'held' ? { phase: 'lost', reason } : state;
