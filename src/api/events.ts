import type { LossReason } from '../core/lease-state.js';
import type { FailureReason, RefusalReason } from '../core/vote.js';
import type { NodeState } from '../node/lock-node.js';

/** A node as `LockManager.nodes()` and the `node` event show it. */
export interface NodeSnapshot {
  readonly name: string;
  readonly status: NodeState['status'];
  /** Why, where it does not vote. */
  readonly reason?: string;
  /** In how many milliseconds an untrusted node votes again. */
  readonly trustedInMs?: number;
}

/** What all events about a lock carry. `name` is the declared name: of few values, fit for a metric's label. */
interface AboutLock {
  readonly name: string;
  readonly resources: readonly string[];
}

/**
 * What happens, as it happens. Metrics and logs are made from these and from nothing else. Durations are milliseconds.
 *
 * - `declared`: a lock of this name exists and may be used later, so that its series can start at zero.
 * - `waiting`, `waited`: a wait begins, because the call did not get the lock and will ask again, or because others of this
 *   process stand before it in line; and ends, whatever came of it. `wait` is the same number in both. Each `waiting` is
 *   followed by one `waited`, before the event that tells what came of the call. A call that is answered at the first
 *   asking has neither.
 * - `acquired`: `attempts` counts from 1; `fallback` tells that it is a lock of this process only.
 * - `skipped`: not acquired, and rightly so; `draining` is our own shutdown.
 * - `failed`: not acquired, and something is wrong. `reason` is the error's.
 * - `aborted`: the caller's signal ended the wait.
 * - `extended`: `headroomMs` is the validity that was left when the extension landed; `failed` may be tried again.
 * - `released`, `lost`: the two ends of a lease. `acknowledged` nodes said that the key is gone; of a lease
 *   that was handed on inside the process, so many nodes have the key for the next one.
 * - `vote`: one node's answer in one round; `vote` is `granted`, or the reason of the refusal or failure.
 * - `node`: a node's state, once for each change.
 * - `stalled`: the event loop was blocked while leases were held; `delayMs` is by how much a timer came late, which is at
 *   most as long as the loop was blocked. Told above 100 ms.
 * - `fallback`: locks hold in this process only (`active`), or across processes again.
 */
export type LockEvent =
  | { readonly type: 'declared'; readonly name: string }
  | (AboutLock & { readonly type: 'waiting'; readonly wait: number })
  | (AboutLock & { readonly type: 'waited'; readonly wait: number; readonly durationMs: number })
  | (AboutLock & {
      readonly type: 'acquired';
      readonly token: number | undefined;
      readonly attempts: number;
      readonly durationMs: number;
      readonly fallback: boolean;
    })
  | (AboutLock & {
      readonly type: 'skipped';
      readonly reason: 'held' | 'already_ran' | 'draining';
      readonly owner: string | undefined;
      readonly durationMs: number;
    })
  | (AboutLock & {
      readonly type: 'failed';
      readonly reason: 'unreachable' | 'untrusted' | 'contended';
      readonly error: Error;
      readonly durationMs: number;
    })
  | (AboutLock & { readonly type: 'aborted'; readonly durationMs: number })
  | (AboutLock & {
      readonly type: 'extended';
      readonly outcome: 'extended' | 'failed';
      readonly headroomMs: number;
      readonly ttlMs: number;
    })
  | (AboutLock & {
      readonly type: 'released';
      readonly token: number | undefined;
      readonly heldMs: number;
      readonly acknowledged: number;
    })
  | (AboutLock & {
      readonly type: 'lost';
      readonly token: number | undefined;
      readonly heldMs: number;
      readonly reason: LossReason;
    })
  | {
      readonly type: 'vote';
      readonly node: string;
      readonly op: 'acquire' | 'confirm' | 'extend' | 'release';
      readonly vote: 'granted' | RefusalReason | FailureReason;
      readonly durationMs: number;
    }
  | { readonly type: 'node'; readonly node: NodeSnapshot }
  | { readonly type: 'stalled'; readonly delayMs: number }
  | { readonly type: 'fallback'; readonly active: boolean; readonly reason: string };

/** Called synchronously, so be quick. What it throws is reported as a warning and goes no further. */
export type LockListener = (event: LockEvent) => void;

/** Delivers events to listeners. Costs nothing while nobody listens. */
export class LockEvents {
  readonly #listeners = new Set<LockListener>();
  /** What is being told, and what arose meanwhile. */
  readonly #toTell: LockEvent[] = [];

  constructor(private readonly warn: (message: string) => void) {}

  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: LockListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * A listener may do what emits events in its turn, such as releasing a lease because somebody waits for it. These are told
   * when all listeners have heard the first one: each of them hears the beginning of a wait before its end.
   */
  emit(event: LockEvent): void {
    if (this.#listeners.size === 0 || this.#toTell.push(event) > 1) return;
    try {
      // It grows while it is told.
      for (const next of this.#toTell) {
        for (const listener of this.#listeners) this.deliver(listener, next);
      }
    } finally {
      this.#toTell.length = 0;
    }
  }

  /** A listener's failure must not become the failure of the lock. */
  deliver(listener: LockListener, event: LockEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.warn(
        `a listener threw on the event "${event.type}": ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
