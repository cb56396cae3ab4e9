import type { LossReason } from '../core/lease-state.js';
import { shortfallOf } from '../core/outcome.js';
import { majorityOf } from '../core/quorum.js';
import type { RunRecord } from '../core/run.js';
import { failed, type Failed, type Vote } from '../core/vote.js';
import { listed, shortened } from './bounded-text.js';
import { isOfKind, nameKind } from './error-kinds.js';

/** The base of all errors of quorlock. There is one class for each decision that a caller can make. */
export abstract class LockError extends Error {
  static {
    nameKind(this, 'LockError');
  }

  /** `instanceof` is true of the errors of another copy of the package, too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, value);
  }

  /** The same in all versions of the package. */
  abstract readonly code: string;

  constructor(
    message: string,
    /** The resources of the call or the lease. */
    readonly resources: readonly string[],
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

const MOST_RESOURCES = 3;

const quoted = (resources: readonly string[]): string =>
  listed(
    resources.map((resource) => `"${shortened(resource, 60)}"`),
    MOST_RESOURCES,
  );

/**
 * The lock was not acquired, because somebody else has it or wants it. Try later, wait, or skip.
 *
 * `reason` is `held` (one holder has a majority of the nodes), `already_ran` (the tick has been run, or was
 * started by a worker that no longer holds the lock; waiting does not help) or `contended` (the votes stayed
 * split among several clients, and nobody holds the lock).
 */
export class LockNotAcquiredError extends LockError {
  static {
    nameKind(this, 'LockNotAcquiredError');
  }

  readonly code = 'LOCK_NOT_ACQUIRED';

  constructor(
    resources: readonly string[],
    readonly reason: 'held' | 'already_ran' | 'contended',
    /** The holder's name, `host:pid` by default; `undefined` when no single holder is known. */
    readonly owner: string | undefined,
    /** In how many milliseconds the holder's keys expire, unless it extends them; 0 when unknown. */
    readonly retryAfterMs: number,
    /** Whether the manager that was asked holds it itself, for another call. */
    readonly heldHere: boolean = false,
    /**
     * With `already_ran`: what the nodes have on record. `finished`: the tick has been run. `started`: its
     * worker died or lost the lock, or as many attempts as allowed were made. A later tick than the one asked
     * for: that one was run in its place.
     */
    readonly run: RunRecord | undefined = undefined,
  ) {
    const ran = run?.state === 'started' ? 'been started' : 'run';
    super(
      {
        held: `${quoted(resources)} is held by ${owner ?? 'another holder'}`,
        already_ran: `${quoted(resources)} has already ${ran} for this tick`,
        contended: `${quoted(resources)} is wanted by several clients at once and none got a majority`,
      }[reason],
      resources,
    );
  }
}

/** Why no majority came together. */
function shortfall(votes: readonly NodeVote[], failures: readonly NodeFailure[], majority: number): string {
  const { length } = votes;
  const why = describe(failures);
  if (length === 1 && majority === 1) return `the only node gave no vote; ${why}`;
  if (length === 0 || length >= majority) return `no majority of the ${length} nodes answered; ${why}`;
  const tooFew =
    `the list of nodes in use needs ${majority} votes, this client has ${length} of its nodes, ` +
    'see docs/membership.md';
  return failures.length === 0 ? tooFew : `${tooFew}; ${why}`;
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
  static {
    nameKind(this, 'QuorumUnreachableError');
  }

  readonly code = 'QUORUM_UNREACHABLE';
  /**
   * `untrusted`: enough nodes answered, but some of them are in quarantine and have no vote yet. `mismatch`:
   * enough nodes answered, but some of them do not vote in this client's list of nodes, see
   * `LockManager.membership`.
   */
  readonly reason: 'unreachable' | 'untrusted' | 'mismatch';
  /** Each node's answer in the last round, in the order of the `nodes` option. Not enumerable. */
  declare readonly votes: readonly NodeVote[];

  constructor(
    resources: readonly string[],
    votes: readonly NodeVote[],
    detail?: string,
    majority = majorityOf(votes.length),
  ) {
    const failures = failuresIn(votes);
    super(`${quoted(resources)}: ${detail ?? shortfall(votes, failures, majority)}`, resources, {
      cause: causeOf(failures),
    });
    // Node prints all enumerable properties of an uncaught error. The message says the same in a line.
    Object.defineProperty(this, 'votes', { value: votes });
    this.reason = shortfallOf(
      votes.map(({ vote }) => vote),
      majority,
    );
  }
}

/** The failed vote of a node. */
interface NodeFailure {
  readonly node: string;
  readonly vote: Failed;
}

const IN_QUARANTINE = failed('untrusted', new Error('its answers do not count yet'));

/** The votes that say nothing about the lock. The refusal of a node in quarantine is one of them. */
const failuresIn = (votes: readonly NodeVote[]): NodeFailure[] =>
  votes.flatMap(({ node, vote }) => {
    if (vote?.kind === 'failed') return [{ node, vote }];
    return vote?.kind === 'refused' && vote.untrusted ? [{ node, vote: IN_QUARANTINE }] : [];
  });

const MOST_CAUSES = 3;
/** Long enough for what to do, such as: give those that are locked together a hash tag in common. */
const LONGEST_CAUSE = 200;
const MOST_NAMES = 5;

/** The nodes that failed, by the reason: `a, b: unreachable (connect ECONNREFUSED); c: timeout (…)`. */
function describe(failures: readonly NodeFailure[]): string {
  const nodesOf = new Map<string, string[]>();
  for (const { node, vote } of failures) {
    const why = `${vote.reason} (${shortened(withoutName(node, vote.cause.message), LONGEST_CAUSE)})`;
    nodesOf.set(why, [...(nodesOf.get(why) ?? []), node]);
  }
  const groups = [...nodesOf].map(([why, nodes]) => `${listed(nodes, MOST_NAMES)}: ${why}`);
  const more = groups.length > MOST_CAUSES ? '; and others' : '';
  return groups.slice(0, MOST_CAUSES).join('; ') + more;
}

/** Most causes end with the address, which is the name of the node as well. */
const withoutName = (node: string, cause: string): string =>
  cause.endsWith(` ${node}`) ? cause.slice(0, -node.length - 1) : cause;

/**
 * The causes without their stacks: Node prints them with an uncaught error, and where in this package a vote
 * was made tells nobody anything.
 */
function causeOf(failures: readonly NodeFailure[]): AggregateError {
  const causes = failures.map(({ vote }) => withoutStack(new Error(vote.cause.message)));
  return withoutStack(new AggregateError(causes, 'the failed votes'));
}

function withoutStack<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

const LOSSES: Record<LossReason | 'released' | 'transferred', string> = {
  unreachable: 'no majority of the nodes could be reached in time to extend it',
  mismatch: "no majority of the nodes votes in this client's list of nodes any more",
  taken: 'a majority of the nodes no longer has its keys',
  not_extended: 'its TTL ran out and it was not extended',
  max_hold: 'it reached maxHoldMs',
  stalled: 'this process did not run when it had to be extended',
  closed: 'the lock manager was closed',
  released: 'it has been released',
  transferred: 'it has been transferred, for another process to adopt',
};

/**
 * The lease ended before its holder released it. Stop using the resource, and do not report success. `reason`
 * says why; it is `released` only when a lease is used after its own release, and `transferred` after its
 * holder has given it away.
 */
export class LeaseLostError extends LockError {
  static {
    nameKind(this, 'LeaseLostError');
  }

  readonly code = 'LEASE_LOST';

  constructor(
    resources: readonly string[],
    readonly reason: LossReason | 'released' | 'transferred',
  ) {
    super(`the lease of ${quoted(resources)} is over: ${LOSSES[reason]}`, resources);
  }
}

/** The lock manager acquires no more locks, because it was closed or is draining. */
export class LockManagerClosedError extends LockError {
  static {
    nameKind(this, 'LockManagerClosedError');
  }

  readonly code = 'LOCK_MANAGER_CLOSED';

  constructor(resources: readonly string[]) {
    super(
      [...(resources.length > 0 ? [quoted(resources)] : []), 'the lock manager is closed'].join(': '),
      resources,
    );
  }
}

/** The run took longer than its `timeoutMs`, and counts as failed. It is the reason of the run's signal. */
export class RunTimeoutError extends LockError {
  static {
    nameKind(this, 'RunTimeoutError');
  }

  readonly code = 'RUN_TIMEOUT';

  constructor(
    resources: readonly string[],
    readonly timeoutMs: number,
    options?: { readonly cause?: unknown },
  ) {
    super(`the run of ${quoted(resources)} took longer than ${timeoutMs} ms`, resources, options);
  }
}
