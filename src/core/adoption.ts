import type { Granted, Vote } from './vote.js';

/**
 * Why a lease was not adopted:
 *
 * - `held`: another holder has a majority. It adopted the lease first, or acquired the resource since.
 * - `gone`: no majority can have the giver's keys any more. They were released, or have expired.
 * - `unreachable`: too few nodes answered to know. The lease may still be there.
 */
export type AdoptionOutcome =
  | { readonly kind: 'held'; readonly owner: string; readonly remainingMs: number }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreachable' };

/**
 * Reads the outcome of a lost round that asked for a giver's keys. A node without them refuses. They can have
 * a majority as long as fewer nodes refused than would prevent one; a node in quarantine proves nothing.
 */
export function adoptionOutcome(votes: readonly (Vote | undefined)[], majority: number): AdoptionOutcome {
  const refusals = votes.flatMap((vote) => (vote?.kind === 'refused' && !vote.untrusted ? [vote] : []));
  if (votes.length - refusals.length >= majority) return { kind: 'unreachable' };
  for (const { owner } of refusals) {
    const same = refusals.filter((refusal) => owner !== undefined && refusal.owner === owner);
    if (owner !== undefined && same.length >= majority)
      return {
        kind: 'held',
        owner,
        remainingMs: Math.max(...same.map(({ remainingMs = 0 }) => remainingMs)),
      };
  }
  return { kind: 'gone' };
}

/**
 * For how long the giver's lease may still be valid, in milliseconds after these grants arrived, if it was
 * not ended before. `undefined`: a node does not tell.
 *
 * From the moment in which a node grants, the giver cannot extend its lease there. A majority granted, so one
 * of them took part in the giver's last extension; and a key outlives the validity that counts on it.
 */
export function giverLeftMs(grants: readonly Granted[]): number | undefined {
  let longest = 0;
  for (const { giverLeftMs: left } of grants) {
    if (left === undefined) return undefined;
    longest = Math.max(longest, left);
  }
  return longest;
}
