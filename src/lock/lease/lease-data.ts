import type { RunMark } from '../../core/run.js';
import type { LeaseJson } from '../../api/lease.js';

/** A lease as far as another process has to know it to adopt it. */
interface OfferedLease {
  readonly resources: readonly string[];
  readonly name: string;
  readonly holderId: string;
  readonly tokenIfAny: number | undefined;
  readonly terms: { readonly ttlMs: number };
}

/** What the lease is to an adopter. */
interface Offer {
  readonly keyPrefix: string;
  /** The tick that it is for. */
  readonly tick: number | undefined;
  readonly isInFallback: boolean;
  readonly isTransferred: boolean;
}

/** A lease in plain data. */
export function leaseJson(
  { resources, name, holderId, tokenIfAny: token, terms }: OfferedLease,
  { keyPrefix, tick, isInFallback, isTransferred }: Offer,
): LeaseJson {
  return {
    quorlock: 1,
    keyPrefix,
    resources,
    name,
    holderId,
    ...(token === undefined ? {} : { token }),
    ttlMs: terms.ttlMs,
    transferred: isTransferred,
    ...(tick === undefined ? {} : { tick }),
    ...(isInFallback ? { fallback: true } : {}),
  };
}

/** Throws a TypeError if a lease is none that can be given away. */
export function assertTransferable(run: RunMark | undefined, isInFallback: boolean): void {
  if (run !== undefined)
    throw new TypeError('the lease of a tick cannot be transferred: its run ends where it began');
  if (isInFallback)
    throw new TypeError('a lease that was taken in the fallback cannot be transferred: the nodes lack it');
}
