import type { LossReason } from '../core/lease-state.js';
import { majorityOf } from '../core/quorum.js';
import type { Vote } from '../core/vote.js';

/** The base of all errors of quorlock. There is one class for each decision that a caller can make. */
export abstract class LockError extends Error {
  /**
   * The same in all versions and copies of the package, unlike the class: compare this instead of
   * `instanceof`.
   */
  abstract readonly code: string;

  constructor(
    message: string,
    /** The resources of the call or the lease. */
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
 * The lock was not acquired, because somebody else has it or wants it. Try later, wait, or skip.
 *
 * `reason` is `held` (one holder has a majority of the nodes), `already_ran` (the tick has been run; waiting
 * does not help) or `contended` (the votes stayed split among several clients, and nobody holds the lock).
 */
export class LockNotAcquiredError extends LockError {
  readonly code = 'LOCK_NOT_ACQUIRED';

  constructor(
    resources: readonly string[],
    readonly reason: 'held' | 'already_ran' | 'contended',
    /** The holder's name, `host:pid` by default; `undefined` when no single holder is known. */
    readonly owner: string | undefined,
    /** In how many milliseconds the holder's keys expire, unless it extends them; 0 when unknown. */
    readonly retryAfterMs: number,
  ) {
    super(
      {
        held: `${quoted(resources)} is held by ${owner ?? 'another holder'}`,
        already_ran: `${quoted(resources)} has already run for this tick`,
        contended: `${quoted(resources)} is wanted by several clients at once and none got a majority`,
      }[reason],
      resources,
    );
  }
}

/** One node's answer in the round that failed. */
export interface NodeVote {
  /** The node's name. */
  readonly node: string;
  /** `undefined` when the node had not answered by the time the round was decided. */
  readonly vote: Vote | undefined;
}

/**
 * Too few nodes answered to know who holds the resource. This does not mean that it is held: it is a fault of
 * the nodes or of the network, and worth an alert.
 */
export class QuorumUnreachableError extends LockError {
  readonly code = 'QUORUM_UNREACHABLE';
  /** `untrusted`: enough nodes answered, but some of them are in quarantine and have no vote yet. */
  readonly reason: 'unreachable' | 'untrusted';

  constructor(
    resources: readonly string[],
    /** Each node's answer in the last round, in the order of the `nodes` option. */
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
    // A node that had not answered when the round was decided counts as reachable: it may just be slower.
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
 * The lease ended before its holder released it. Stop using the resource, and do not report success. `reason`
 * says why; it is `released` only when a lease is used after its own release.
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

/** The lock manager acquires no more locks, because it was closed or is draining. */
export class LockManagerClosedError extends LockError {
  readonly code = 'LOCK_MANAGER_CLOSED';

  constructor(resources: readonly string[]) {
    super(`${quoted(resources)}: the lock manager is closed`, resources);
  }
}
