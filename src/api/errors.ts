import type { LossReason } from '../core/lease-state.js';
import { majorityOf } from '../core/quorum.js';
import type { Vote } from '../core/vote.js';

/** What the lock says no with: one class for each decision that a caller can make. */
export abstract class LockError extends Error {
  /** Stable across versions and copies of the package, unlike the class. */
  abstract readonly code: string;

  constructor(
    message: string,
    /** What was to be locked. */
    readonly resources: readonly string[],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

const quoted = (resources: readonly string[]): string =>
  resources.map((resource) => `"${resource}"`).join(', ');

/**
 * Somebody else has it, or is about to: try later, wait, or skip.
 *
 * `reason` is `held` (one holder has a majority), `already_ran` (the tick was run; waiting will not help) or `contended`
 * (the votes stayed split among claimants, and nobody holds it).
 */
export class LockNotAcquiredError extends LockError {
  readonly code = 'LOCK_NOT_ACQUIRED';

  constructor(
    resources: readonly string[],
    readonly reason: 'held' | 'already_ran' | 'contended',
    /** The holder's name (`host:pid` unless it chose another), where one holder is known. */
    readonly owner: string | undefined,
    /** After how many milliseconds the holder's keys expire unless it extends them; 0 when unknown. */
    readonly retryAfterMs: number,
  ) {
    super(
      {
        held: `${quoted(resources)} is held by ${owner ?? 'another holder'}`,
        already_ran: `${quoted(resources)} has already run for this tick`,
        contended: `${quoted(resources)} is wanted by several claimants at once and none got a majority`,
      }[reason],
      resources,
    );
  }
}

/** One node's answer, as an error shows it. */
export interface NodeVote {
  readonly node: string;
  /** `undefined`: it had not answered when the round was decided. */
  readonly vote: Vote | undefined;
}

/** Too few nodes answered to know who holds the resource. It is not held by somebody else: page someone. */
export class QuorumUnreachableError extends LockError {
  readonly code = 'QUORUM_UNREACHABLE';
  /** `untrusted`: enough nodes are there, but some of them have no vote yet, because they lost their memory. */
  readonly reason: 'unreachable' | 'untrusted';

  constructor(
    resources: readonly string[],
    /** Each node's answer in the last round. */
    readonly votes: readonly NodeVote[],
    detail?: string,
  ) {
    const failures = votes.flatMap(({ node, vote }) =>
      vote?.kind === 'failed' ? [`${node}: ${vote.reason} (${vote.cause.message})`] : [],
    );
    const causes = votes.flatMap(({ vote }) => (vote?.kind === 'failed' ? [vote.cause] : []));
    super(
      detail === undefined
        ? `${quoted(resources)}: no majority of the ${votes.length} nodes answered; ${failures.join('; ')}`
        : `${quoted(resources)}: ${detail}`,
      resources,
      { cause: new AggregateError(causes) },
    );
    // A node that had not answered when the round was decided may well be there.
    const away = votes.filter(({ vote }) => vote?.kind === 'failed' && vote.reason !== 'untrusted');
    const isUntrusted = votes.some(({ vote }) => vote?.kind === 'failed' && vote.reason === 'untrusted');
    const enough = votes.length - away.length >= majorityOf(votes.length);
    this.reason = isUntrusted && enough ? 'untrusted' : 'unreachable';
  }
}

const LOSSES: Record<LossReason | 'released', string> = {
  unreachable: 'no majority of the nodes could be reached in time to extend it',
  taken: 'a majority of the nodes no longer has its keys',
  not_extended: 'its TTL ran out and it was not extended',
  max_hold: 'it reached maxHoldMs',
  stalled: 'this process did not run when it had to be extended',
  closed: 'the lock manager was closed',
  released: 'it has been released',
};

/**
 * The lease ended before its holder released it: stop using the resource, and do not report success. `reason` is
 * `released` only where a lease is used after its own release.
 */
export class LeaseLostError extends LockError {
  readonly code = 'LEASE_LOST';

  constructor(
    resources: readonly string[],
    readonly reason: LossReason | 'released',
  ) {
    super(`the lease of ${quoted(resources)} is over: ${LOSSES[reason]}`, resources);
  }
}

/** The lock manager grants nothing any more, because it was closed or is draining. */
export class LockManagerClosedError extends LockError {
  readonly code = 'LOCK_MANAGER_CLOSED';

  constructor(resources: readonly string[]) {
    super(`${quoted(resources)}: the lock manager is closed`, resources);
  }
}
