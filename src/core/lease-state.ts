import type { Grant } from './validity.js';

/**
 * Why a lease ended before its holder released it.
 *
 * - `unreachable`: no majority could be reached in time to extend it.
 * - `taken`: a majority says that the keys are gone or another's.
 * - `not_extended`: its TTL ran out and automatic extension was off.
 * - `max_hold`: it reached `maxHoldMs`.
 * - `stalled`: this process did not run while the lease was due for extension.
 * - `closed`: the lock manager was closed under it.
 */
export type LossReason = 'unreachable' | 'taken' | 'not_extended' | 'max_hold' | 'stalled' | 'closed';

/** A lease is held, then over, for good: no transition leads back. */
export type LeaseState =
  | { readonly phase: 'held'; readonly grant: Grant }
  | { readonly phase: 'released' }
  | { readonly phase: 'lost'; readonly reason: LossReason };

export const held = (grant: Grant): LeaseState => ({ phase: 'held', grant });

const endOf = (grant: Grant): number => grant.sentAt.monotonicMs + grant.ttlMs - grant.driftMs;

/** A won extension. It never shortens, and it revives nothing: a lease that is over stays over. */
export function extended(state: LeaseState, grant: Grant): LeaseState {
  if (state.phase !== 'held') return state;
  return endOf(grant) > endOf(state.grant) ? held(grant) : state;
}

/** The holder's release; a lease that was lost before stays lost. */
export const released = (state: LeaseState): LeaseState =>
  state.phase === 'held' ? { phase: 'released' } : state;

/** The loss; a lease that was released before stays released. */
export const lost = (state: LeaseState, reason: LossReason): LeaseState =>
  state.phase === 'held' ? { phase: 'lost', reason } : state;
