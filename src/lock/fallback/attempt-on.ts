import type { LeaseJson } from '../../api/lease.js';
import { adoptKeys } from '../acquire/adoption.js';
import { attempt, type AttemptContext, type NotAcquired } from '../acquire/attempt.js';
import type { Cancellation } from '../acquire/cancellation.js';
import type { Quorum } from '../quorum/quorum.js';
import type { LockRequest } from '../quorum/terms.js';
import type { AttemptOn } from './fallback.js';

/** What the fallback says to those who would adopt a lease of the nodes. */
const NOTHING_TO_ADOPT: NotAcquired = { kind: 'unreachable', votes: [], undone: Promise.resolve() };

/** The same keys, not for the run of a tick. */
const withoutRun = (request: LockRequest): LockRequest => ({
  ...request,
  tick: undefined,
  retry: false,
  maxRuns: undefined,
});

/** An attempt that acquires the resources, on either side. */
export const acquireOn =
  (context: AttemptContext, request: LockRequest, cancellation: Cancellation): AttemptOn =>
  (quorum, { asRun } = { asRun: true }) =>
    attempt(quorum, context, asRun ? request : withoutRun(request), cancellation);

/**
 * An attempt that takes the keys of a lease on the nodes. In the fallback, which has none of them, the same
 * is acquired afterwards; but nothing is granted there alone.
 */
export function adoptOn(
  nodes: Quorum,
  context: AttemptContext,
  { holderId, transferred: isOver }: LeaseJson,
  request: LockRequest,
  cancellation: Cancellation,
): AttemptOn {
  const from = { holderId, isOver };
  let isTaken = false;
  return async (quorum) => {
    if (isTaken) return attempt(quorum, context, request, cancellation);
    if (quorum !== nodes) return NOTHING_TO_ADOPT;
    const result = await adoptKeys(quorum, context, { ...request, from }, cancellation);
    isTaken = result.kind === 'won';
    return result;
  };
}
