import type { LossReason } from '../core/lease-state.js';
import type { RunOutcome } from '../core/run-history.js';
import type { FailureReason, RefusalReason } from '../core/vote.js';
import type { NodeState } from '../node/node-state.js';
import type { DeposedReason } from './election.js';
import type { Membership } from './membership.js';

/** A node as `LockManager.nodes()` and the `node` event show it. */
export interface NodeSnapshot {
  readonly name: string;
  readonly status: NodeState['status'];
  /** Why it does not vote, if it does not; of a node that is ready, why its first use has to wait. */
  readonly reason?: string;
  /** In how many milliseconds an untrusted node votes again. */
  readonly trustedInMs?: number;
}

/** How many nodes are ready, as `LockManager.started()` and the `quorum` event show it. */
export interface QuorumSnapshot {
  readonly ready: number;
  /** How many have to be ready so that anything can be locked. */
  readonly needed: number;
  /** How many there are. */
  readonly nodes: number;
  /** Whether enough are ready, and vote under the list of nodes that is in use. */
  readonly reached: boolean;
  /** Why it is not reached although enough nodes, or all, are ready. */
  readonly reason?: string;
}

/** What all events of one acquire call, and of the lease that comes of it, carry. */
interface AboutCall {
  /** The number of the call, unique per manager. The events of its lease repeat it. */
  readonly id: number;
  /** The declared name: it has few values, so it is fit for a metric's label. */
  readonly name: string;
  readonly resources: readonly string[];
}

/** What all events of one run carry. The `id` is that of the acquire call. */
interface AboutRun extends AboutCall {
  readonly tick: number;
  /** Which run of the tick this is, from 1. */
  readonly attempt: number | undefined;
  readonly token: number | undefined;
  /** The manager's `holder`. */
  readonly worker: string;
  /** How long after its tick the run began. */
  readonly latenessMs: number;
}

/** What the events about a tick that did not run carry. */
interface AboutTick extends Omit<AboutCall, 'id'> {
  readonly tick: number;
  /** How often it was started, as far as the nodes know. */
  readonly attempt: number;
  /** The worker that found it. */
  readonly worker: string;
}

export type { RunOutcome };

/**
 * What happens, as it happens. Metrics, logs and traces are made from these events and from nothing else.
 * Durations are in milliseconds.
 *
 * An acquire call tells `acquiring`; then `waiting` and `waited`, if it waits; then one of `acquired`,
 * `skipped`, `failed` and `aborted`. All of them are told in the async context of the call, also when another
 * call hands its lease over. A lease then tells any number of `extended`, and one of `released` and `lost`,
 * in any context: their `id` says which lease it is.
 *
 * - `declared`: a lock of this name exists and may be used later, so that its series can start at zero.
 * - `acquiring`: `acquire` was called with valid options.
 * - `waiting`: the call did not get the lock and will ask again, or it stands in line behind others of this
 *   process.
 * - `waited`: the wait ended, whatever came of it. A call that gets its answer at the first attempt has no
 *   wait.
 * - `acquired`: `attempts` counts from 1; `fallback` says that the lock was taken in the fallback.
 * - `skipped`: not acquired, and rightly so. `draining` is the shutdown of this manager.
 * - `failed`: not acquired, and something is wrong. `reason` is that of the error.
 * - `aborted`: the caller's signal ended the call.
 * - `extended`: `headroomMs` is the validity that was left when the extension ended. One that `failed` is
 *   tried again while validity is left.
 * - `released`: the holder released the lease. `acknowledged` nodes said that the key is gone; if the lease
 *   was handed over to another call of this process, that many nodes have the key for that one.
 * - `transferred`: the holder gave the lease away, by `transfer`. Whoever adopts it tells `acquired`, or
 *   `skipped` as `held` where the lease is over.
 * - `lost`: the lease ended before its holder released it.
 * - `vote`: the answer of one node in one round; `id` is the call, or the lease, that the round was for.
 *   `vote` is `granted`, or the reason of the refusal or failure.
 * - `node`: the state of a node, once for each change.
 * - `quorum`: whether a majority of the nodes is ready: once when the start is over (`atStart`), and then at
 *   every loss and return of the majority.
 * - `membership`: the list of nodes that is voted under, once for each change.
 * - `stalled`: the event loop was blocked while leases were held. `delayMs` is how late a timer was, at most
 *   as long as the loop was blocked. Told above 100 ms.
 * - `fallback`: locks are taken in the fallback from now on (`active`), or on the nodes again.
 * - `force_released`: an operator took the resources from their holder, by `forceRelease` of this manager,
 *   whose `holder` is the `worker`. For the audit, with the reason that was given.
 * - `schedule`: what is known of a job that `watchTicks` looks at, at each look. `nextTick` is the first tick
 *   that has not run to its end, which may be past; `lastTick` the latest one that has; `lastSuccess` when a
 *   run last succeeded, in epoch milliseconds, as far as the nodes know.
 * - `run_started`: a run of a tick begins, `latenessMs` after it.
 * - `run_finished`: the run has ended. `succeeded` is told when a majority of the nodes has the end on
 *   record, so it may come after the return. A run is `lost` whose end could not be recorded, or whose lease
 *   ended before it.
 * - `run_overrun`: the run goes on while the next tick is due.
 * - `manual_run`: a run that somebody started by hand has ended.
 * - `tick_missed`: this worker found that a tick did not run, and will not. Each worker tells it once.
 *   `forgotten`: so many nodes have lost their memory since it was due, or shortly before, that no majority
 *   can vote for it.
 * - `tick_abandoned`: it found that a tick was started and did not end. `retried`: it asks for it again.
 * - `candidate`: this process stands for election: `elect` was called. `worker` is the manager's `holder`.
 * - `elected`: this process leads from now on. `id` is that of the acquire call and of its lease.
 * - `deposed`: it leads no longer. `ledMs` is for how long it led.
 */
export type LockEvent =
  | { readonly type: 'declared'; readonly name: string }
  | (AboutCall & { readonly type: 'acquiring' })
  | (AboutCall & { readonly type: 'waiting' })
  | (AboutCall & { readonly type: 'waited'; readonly durationMs: number })
  | (AboutCall & {
      readonly type: 'acquired';
      readonly token: number | undefined;
      readonly attempts: number;
      readonly durationMs: number;
      readonly fallback: boolean;
    })
  | (AboutCall & {
      readonly type: 'skipped';
      readonly reason: 'held' | 'already_ran' | 'draining';
      readonly owner: string | undefined;
      readonly durationMs: number;
    })
  | (AboutCall & {
      readonly type: 'failed';
      readonly reason: 'unreachable' | 'untrusted' | 'mismatch' | 'contended';
      readonly error: Error;
      readonly durationMs: number;
    })
  | (AboutCall & { readonly type: 'aborted'; readonly durationMs: number })
  | (AboutCall & {
      readonly type: 'extended';
      readonly outcome: 'extended' | 'failed';
      readonly headroomMs: number;
      readonly ttlMs: number;
    })
  | (AboutCall & {
      readonly type: 'released';
      readonly token: number | undefined;
      readonly heldMs: number;
      readonly acknowledged: number;
    })
  | (AboutCall & {
      readonly type: 'transferred';
      readonly token: number | undefined;
      readonly heldMs: number;
    })
  | (AboutCall & {
      readonly type: 'lost';
      readonly token: number | undefined;
      readonly heldMs: number;
      readonly reason: LossReason;
    })
  | {
      readonly type: 'vote';
      readonly id: number;
      readonly node: string;
      readonly op: 'acquire' | 'confirm' | 'extend' | 'release';
      readonly vote: 'granted' | RefusalReason | FailureReason;
      /** What went wrong, if the vote failed; free of secrets. */
      readonly cause?: Error;
      readonly durationMs: number;
    }
  | { readonly type: 'node'; readonly node: NodeSnapshot }
  | { readonly type: 'quorum'; readonly atStart: boolean; readonly quorum: QuorumSnapshot }
  | { readonly type: 'membership'; readonly membership: Membership }
  | { readonly type: 'stalled'; readonly delayMs: number }
  | { readonly type: 'fallback'; readonly active: boolean; readonly reason: string }
  | (Omit<AboutCall, 'id'> & {
      readonly type: 'force_released';
      /** Who held them; `undefined` for a holder without a name. */
      readonly holder: string | undefined;
      readonly reason: string;
      readonly worker: string;
    })
  | (Omit<AboutCall, 'id'> & {
      readonly type: 'schedule';
      readonly nextTick: number | undefined;
      readonly lastTick: number | undefined;
      readonly lastSuccess: number | undefined;
    })
  | (AboutRun & { readonly type: 'run_started' })
  | (AboutRun & {
      readonly type: 'run_finished';
      readonly outcome: RunOutcome;
      readonly durationMs: number;
      readonly nextTick: number | undefined;
    })
  | (AboutRun & { readonly type: 'run_overrun'; readonly nextTick: number })
  | (AboutCall & {
      readonly type: 'manual_run';
      readonly outcome: RunOutcome;
      readonly durationMs: number;
      readonly token: number | undefined;
      readonly worker: string;
    })
  | (AboutTick & {
      readonly type: 'tick_missed';
      readonly reason: 'policy' | 'too_late' | 'overlap' | 'unreachable' | 'forgotten';
    })
  | (AboutTick & {
      readonly type: 'tick_abandoned';
      readonly reason: 'retried' | 'policy' | 'attempts' | 'too_late';
    })
  | (Omit<AboutCall, 'id'> & { readonly type: 'candidate'; readonly worker: string })
  | (AboutCall & {
      readonly type: 'elected';
      readonly token: number | undefined;
      readonly worker: string;
    })
  | (AboutCall & {
      readonly type: 'deposed';
      readonly token: number | undefined;
      readonly worker: string;
      readonly reason: DeposedReason;
      readonly ledMs: number;
    });

/**
 * Called synchronously, so it should be quick. If it throws, or gives a promise that rejects, that is
 * reported as a warning and goes no further.
 */
export type LockListener = (event: LockEvent) => void;
