import type { Clock } from '../../clock.js';
import { messageOf } from '../../api/callbacks.js';
import type { DeposedReason, Election, ElectionOptions, LeaderRun } from '../../api/election.js';
import { LeaseLostError, LockError, LockManagerClosedError } from '../../api/errors.js';
import type { LockEvent } from '../../api/events.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { Lease } from '../../api/lease.js';
import { onAbort } from '../lease/abort-listeners.js';
import { leasesAround } from '../lease/current-lease.js';
import type { HeldLease } from '../lease/held-lease.js';
import { Leadership } from './leadership.js';

/** What a manager gives its candidates. */
export interface ElectionContext {
  readonly manager: object;
  readonly clock: Clock;
  readonly events: LockEvents;
  /** The name of this process, as other holders see it. */
  readonly worker: string;
  readonly warn: (message: string) => void;
}

/** What a candidate stands for. */
export interface Candidacy extends Pick<ElectionOptions, 'onElected' | 'onLost' | 'signal'> {
  readonly resource: string;
  readonly name: string;
  /** For how long a leader that resigned lets the others go first. */
  readonly ttlMs: number;
  readonly retryDelayMs: number;
  /** Waits until the resource is acquired. */
  readonly acquire: (signal: AbortSignal) => Promise<HeldLease>;
}

type Elected = Extract<LockEvent, { readonly type: 'elected' }>;

/** One process that wants to lead: it waits for the lease, leads, and waits again. */
export class Candidate implements Election {
  readonly ended: Promise<void>;
  readonly #context: ElectionContext;
  readonly #candidacy: Candidacy;
  readonly #stopping = new AbortController();
  #leadership: Leadership | undefined;
  #elected: Elected | undefined;
  /** The lease of the leader until its work has ended, which may be after its term. */
  #held: HeldLease | undefined;

  constructor(context: ElectionContext, candidacy: Candidacy) {
    this.#context = context;
    this.#candidacy = candidacy;
    const { signal } = candidacy;
    const stop = (): void => this.#stopping.abort(signal?.reason);
    if (signal?.aborted) stop();
    const unlisten = signal && onAbort(signal, stop);
    this.ended = this.#stand().finally(unlisten);
  }

  get resource(): string {
    return this.#candidacy.resource;
  }

  get isLeader(): boolean {
    return this.#leadership?.isOn === true;
  }

  get lease(): Lease | undefined {
    return this.isLeader ? this.#leadership?.lease : undefined;
  }

  /** The events that tell a new listener the present state. */
  get presentState(): readonly LockEvent[] {
    const { name, resource } = this.#candidacy;
    const candidate: LockEvent = {
      type: 'candidate',
      name,
      resources: [resource],
      worker: this.#context.worker,
    };
    return this.#elected === undefined ? [candidate] : [candidate, this.#elected];
  }

  async run<T>(routine: (lease: Lease) => T | PromiseLike<T>): Promise<LeaderRun<T>> {
    if (typeof routine !== 'function') throw new TypeError('run takes a routine');
    const leadership = this.#leadership;
    if (leadership?.isOn !== true) return { ran: false, reason: 'not_leader' };
    return { ran: true, value: await leadership.run(routine) };
  }

  stop(): Promise<void> {
    this.end('released');
    return this.#isCalledByItsWork ? Promise.resolve() : this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends the candidacy. `closed`: because the manager grants nothing any more. */
  end(reason: 'released' | 'closed'): void {
    if (!this.#stopping.signal.aborted) this.#stopping.abort(new LeaseLostError([this.resource], reason));
  }

  /** The end waits for the work of a leader, so that must not wait for the end. */
  get #isCalledByItsWork(): boolean {
    return this.#held !== undefined && leasesAround(this.#context.manager).has(this.#held);
  }

  async #stand(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const held = await this.#acquire();
      if (held === undefined) continue;
      this.#held = held;
      const reason = await this.#lead(held);
      this.#held = undefined;
      if (reason === 'resigned' || reason === 'failed') await this.#pause(this.#candidacy.ttlMs);
    }
  }

  /** `undefined`: not acquired, and the candidacy may have ended. */
  async #acquire(): Promise<HeldLease | undefined> {
    const { acquire, resource, retryDelayMs } = this.#candidacy;
    const { signal } = this.#stopping;
    try {
      const held = await acquire(signal);
      if (!signal.aborted) return held;
      await held.release();
    } catch (error) {
      if (error instanceof LockManagerClosedError) this.end('closed');
      if (signal.aborted) return undefined;
      if (!(error instanceof LockError)) {
        this.#context.warn(`the candidate for "${resource}" cannot acquire it: ${messageOf(error)}`);
      }
      await this.#pause(retryDelayMs);
    }
    return undefined;
  }

  async #lead(held: HeldLease): Promise<DeposedReason> {
    const { manager, clock, events, worker } = this.#context;
    const { onElected, onLost } = this.#candidacy;
    const { id, name, resources, tokenIfAny: token } = held;
    const about = { id, name, resources, token, worker };
    const since = clock.now();
    const leadership = new Leadership(held, manager, this.#stopping.signal);
    this.#leadership = leadership;
    this.#elected = { ...about, type: 'elected' };
    const end = leadership.hold(async (reason) => {
      this.#leadership = undefined;
      this.#elected = undefined;
      events.emit({ ...about, type: 'deposed', reason, ledMs: clock.now() - since });
      try {
        await onLost?.(reason);
      } catch (error) {
        this.#context.warn(`onLost of "${this.resource}" failed: ${messageOf(error)}`);
      }
    });
    events.emit(this.#elected);
    if (onElected !== undefined) {
      leadership.run(onElected).catch((error: unknown) => {
        if (!leadership.isOn) return;
        this.#context.warn(`onElected of "${this.resource}" failed, so it resigns: ${messageOf(error)}`);
        leadership.fail(error instanceof Error ? error : new Error(messageOf(error)));
      });
    }
    return end;
  }

  /** Ends early when the candidacy ends. */
  #pause(forMs: number): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        unlisten();
        resolve();
      };
      const timer = this.#context.clock.setTimer(end, forMs);
      const unlisten = onAbort(signal, end);
    });
  }
}
