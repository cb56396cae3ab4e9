import type { Clock } from '../../clock.js';
import {
  LeaseLostError,
  LockManagerClosedError,
  LockNotAcquiredError,
  QuorumUnreachableError,
} from '../../api/errors.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { LeaseJson } from '../../api/lease.js';
import type { ResolvedAcquireOptions } from '../../api/resolved-options.js';

export interface CallContext {
  readonly clock: Clock;
  readonly events: LockEvents;
}

/** The lease that a call acquired, as far as its event tells of it. */
interface AcquiredLease {
  readonly tokenIfAny: number | undefined;
  readonly attempts: number;
  readonly fallback: boolean;
}

/**
 * One call of `acquire`, and what listeners hear of it: its beginning, its wait, if it waits, and what came
 * of it.
 */
export class AcquireCall {
  readonly #context: CallContext;
  readonly #startedAt: number;
  /**
   * When its wait began. It is measured although nobody may listen yet: a later listener hears the whole
   * length.
   */
  #waitsSince: number | undefined;
  #hasWaited = false;

  constructor(
    context: CallContext,
    /** Unique among the calls of one manager. */
    readonly id: number,
    readonly resources: readonly string[],
    readonly options: ResolvedAcquireOptions,
    /** The lease that it adopts. */
    readonly adopted?: LeaseJson,
  ) {
    this.#context = context;
    this.#startedAt = context.clock.now();
    if (context.events.listening) context.events.emit({ type: 'acquiring', ...this.#about() });
  }

  /** Begins the wait, unless it has begun. Every pause calls it first. */
  beginWait(): void {
    if (this.#waitsSince !== undefined) return;
    const { clock, events } = this.#context;
    this.#waitsSince = clock.now();
    if (!events.listening) return;
    events.emit({ type: 'waiting', ...this.#about() });
  }

  /** Ends the wait, if one goes on. The outcome calls it before its event. */
  endWait(): void {
    if (this.#waitsSince === undefined || this.#hasWaited) return;
    this.#hasWaited = true;
    const { clock, events } = this.#context;
    if (!events.listening) return;
    const durationMs = clock.now() - this.#waitsSince;
    events.emit({ type: 'waited', ...this.#about(), durationMs });
  }

  emitAcquired({ tokenIfAny: token, attempts, fallback }: AcquiredLease): void {
    const { events } = this.#context;
    if (!events.listening) return;
    const durationMs = this.#durationMs();
    const about = this.#about();
    events.emit({ type: 'acquired', ...about, token, attempts, durationMs, fallback });
  }

  /** `error` is one of ours, or else the reason of the caller's signal. */
  emitFailure(error: unknown): void {
    const { events } = this.#context;
    if (!events.listening) return;
    const durationMs = this.#durationMs();
    const about = this.#about();
    if (error instanceof LockNotAcquiredError) {
      const { reason, owner } = error;
      if (reason === 'contended') events.emit({ type: 'failed', ...about, reason, error, durationMs });
      else events.emit({ type: 'skipped', ...about, reason, owner, durationMs });
    } else if (error instanceof QuorumUnreachableError) {
      events.emit({ type: 'failed', ...about, reason: error.reason, error, durationMs });
    } else if (error instanceof LeaseLostError) {
      // It was to be adopted, and is over.
      events.emit({ type: 'skipped', ...about, reason: 'held', owner: undefined, durationMs });
    } else if (error instanceof LockManagerClosedError) {
      events.emit({ type: 'skipped', ...about, reason: 'draining', owner: undefined, durationMs });
    } else {
      events.emit({ type: 'aborted', ...about, durationMs });
    }
  }

  #about(): { readonly id: number; readonly name: string; readonly resources: readonly string[] } {
    return { id: this.id, name: this.options.name, resources: this.resources };
  }

  #durationMs(): number {
    return this.#context.clock.now() - this.#startedAt;
  }
}
