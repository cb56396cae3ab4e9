import type { LockEvent, LockListener, RunOutcome } from '../index.js';

/**
 * How far a call of `acquire`, `withLock` or `runOnce` has come, or of a decorated method.
 *
 * - `asking`: it has no lock yet.
 * - `running`: it has the lock.
 * - `released`, `lost`: it had the lock.
 * - `skipped`, `failed`, `aborted`: it never had the lock; `skipped` is how it should be, `failed` is not.
 */
export type CallState = 'asking' | 'running' | 'released' | 'lost' | 'skipped' | 'failed' | 'aborted';

/** What became of one call. */
export interface TestCall {
  /** The lock's name in metrics; of a decorated method its key, or the class and the method. */
  readonly name: string;
  readonly resources: readonly string[];
  readonly state: CallState;
  /** Whether it got the lock, so that its body began. */
  readonly ran: boolean;
  /** Why it was `lost`, `skipped` or `failed`. */
  readonly reason?: string;
  /** The holder of the lock, if the call was `skipped` and the holder is known. */
  readonly owner?: string;
  /** The error of a call that `failed`. */
  readonly error?: Error;
  /** The scheduled time of a run. */
  readonly tick?: number;
  /** How a run ended. */
  readonly run?: RunOutcome;
}

/** Keeps what a manager tells, and what became of each call. */
export class RecordedCalls {
  readonly events: LockEvent[] = [];
  readonly #calls = new Map<number, TestCall>();

  readonly listener: LockListener = (event) => {
    this.events.push(event);
    this.#record(event);
  };

  /** In the order in which they were made. */
  get calls(): readonly TestCall[] {
    return [...this.#calls.values()];
  }

  /** Forgets all that is over. */
  clear(): void {
    this.events.length = 0;
    for (const [id, { state }] of this.#calls)
      if (state !== 'asking' && state !== 'running') this.#calls.delete(id);
  }

  #record(event: LockEvent): void {
    switch (event.type) {
      case 'acquiring': {
        const { id, name, resources } = event;
        this.#calls.set(id, { name, resources, state: 'asking', ran: false });
        return;
      }
      case 'acquired':
        return this.#change(event.id, { state: 'running', ran: true });
      case 'released':
      case 'transferred':
        return this.#change(event.id, { state: 'released' });
      case 'lost':
        return this.#change(event.id, { state: 'lost', reason: event.reason });
      case 'skipped': {
        const { id, reason, owner } = event;
        return this.#change(id, { state: 'skipped', reason, ...(owner === undefined ? {} : { owner }) });
      }
      case 'failed':
        return this.#change(event.id, { state: 'failed', reason: event.reason, error: event.error });
      case 'aborted':
        return this.#change(event.id, { state: 'aborted' });
      case 'run_started':
        return this.#change(event.id, { tick: event.tick });
      case 'run_finished':
      case 'manual_run':
        return this.#change(event.id, { run: event.outcome });
      default:
        return;
    }
  }

  #change(id: number, changes: Partial<TestCall>): void {
    const call = this.#calls.get(id);
    if (call !== undefined) this.#calls.set(id, { ...call, ...changes });
  }
}
