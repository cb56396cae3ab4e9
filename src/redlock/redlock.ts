import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockManager } from '../index.js';
import { Engine, type Answer, type Held } from './engine.js';
import { alreadyExpired, noQuorum } from './errors.js';
import type { Client, ExecutionResult, ExecutionStats } from './execution.js';
import { ExtendedLock, type RedlockAbortSignal } from './extended-lock.js';
import { runForForeign } from './foreign-lock.js';
import { refuseOtherScripts, SCRIPTS, type Scripts } from './scripts.js';
import { checkClients, checkLock, checkResources, namingClients } from './check-input.js';
import {
  checkDuration,
  completeSettings,
  expirationOf,
  LONGEST_TIMER_MS,
  pauseMs,
  type Settings,
} from './settings.js';

type Routine<T> = (signal: RedlockAbortSignal) => Promise<T>;

/** The leases of the locks that were acquired in this process. */
const leases = new WeakMap<Lock, Held>();

/** A lock on one or several resources. */
export class Lock {
  constructor(
    readonly redlock: Redlock,
    readonly resources: string[],
    /** The value of its keys. */
    readonly value: string,
    /** How the clients voted in each attempt to acquire or extend it. */
    readonly attempts: ReadonlyArray<Promise<ExecutionStats>>,
    /** In milliseconds since the Unix epoch; 0 once it was released, or replaced by its extension. */
    public expiration: number,
  ) {}

  /** The same as `redlock.release(lock)`. */
  release(): Promise<ExecutionResult> {
    return this.redlock.release(this);
  }

  /** The same as `redlock.extend(lock, duration)`. */
  extend(duration: number): Promise<Lock> {
    return this.redlock.extend(this, duration);
  }
}

/** The API of redlock 5 over a `LockManager`. docs/redlock.md says where it differs, and why. */
export class Redlock extends EventEmitter {
  readonly clients: Set<Client>;
  readonly settings: Settings;
  readonly scripts: Scripts = SCRIPTS;
  readonly #engine: Engine;
  readonly #emitError = (error: Error): void => queueMicrotask(() => this.emit('error', error));

  /** Throws an error that names a client or a setting that cannot be used. Connects at the first use. */
  constructor(
    clients: Iterable<Client>,
    settings: Partial<Settings> = {},
    scripts: Partial<Record<keyof Scripts, string | ((script: string) => string)>> = {},
  ) {
    super();
    // Without a listener, an event called error would end the process.
    this.on('error', () => undefined);
    this.clients = checkClients(clients);
    this.settings = completeSettings(settings);
    refuseOtherScripts(scripts);
    const [first, ...others] = this.clients;
    this.#engine = namingClients(() => Engine.of([first!, ...others], this.settings.driftFactor));
  }

  /**
   * The lock manager that does the work, for its events, metrics and health. It is another one after all
   * clients had ended, and one of them was connected again.
   */
  get locks(): LockManager {
    return this.#engine.session.locks;
  }

  /** Ends the manager's connections, and runs `quit` on all clients. What is held expires. */
  async quit(): Promise<void> {
    await this.#engine.close();
    await Promise.all([...this.clients].map((client) => client.quit()));
  }

  /**
   * Locks all of the resources for `duration` milliseconds, or none. Rejects with an ExecutionError when all
   * attempts have failed.
   */
  async acquire(resources: string[], duration: number, settings?: Partial<Settings>): Promise<Lock> {
    checkDuration(duration);
    const names = checkResources(resources);
    const complete = completeSettings(settings, this.settings);
    const attempts: Promise<ExecutionStats>[] = [];
    for (;;) {
      const start = Date.now();
      const { held, stats } = await this.#engine.acquire(names, duration, this.#emitError);
      attempts.push(stats);
      if (held !== undefined) {
        const expiration = expirationOf(start, duration, complete);
        return this.#lock(held, resources, held.lease.holderId, attempts, expiration);
      }
      if (isLast(attempts.length, complete)) throw noQuorum(attempts);
      await sleep(Math.min(pauseMs(complete), LONGEST_TIMER_MS));
    }
  }

  /**
   * Releases the lock. Rejects with an ExecutionError unless a majority of the clients released it; then it
   * is released in the background, or has expired. It is never tried again, so `settings` change nothing.
   */
  async release(lock: Lock, settings?: Partial<Settings>): Promise<ExecutionResult> {
    checkLock(lock);
    completeSettings(settings, this.settings);
    const start = Date.now();
    lock.expiration = 0;
    const held = leases.get(lock);
    const { isWon, stats } = await (held === undefined
      ? this.#runForForeign(lock, 'releaseScript')
      : this.#engine.release(held, this.#emitError));
    if (!isWon) throw noQuorum([stats]);
    return { attempts: [stats], start };
  }

  /**
   * Prolongs a lock to `duration` milliseconds from now. Gives a new lock of the same value; the old one
   * expires at once. The keys are never shortened.
   */
  async extend(existing: Lock, duration: number, settings?: Partial<Settings>): Promise<Lock> {
    checkLock(existing);
    checkDuration(duration);
    const complete = completeSettings(settings, this.settings);
    const held = leases.get(existing);
    if (existing.expiration < Date.now()) throw alreadyExpired();
    const attempts: Promise<ExecutionStats>[] = [];
    for (;;) {
      const start = Date.now();
      const { isWon, stats } = await (held === undefined
        ? this.#runForForeign(existing, 'extendScript', duration)
        : this.#engine.extend(held, duration, this.#emitError));
      attempts.push(stats);
      if (isWon) {
        const { resources, value } = existing;
        existing.expiration = 0;
        const expiration = expirationOf(start, duration, complete);
        return this.#lock(held, resources, value, attempts, expiration);
      }
      const leftMs = leftOf(existing, held);
      if (leftMs <= 0 || isLast(attempts.length, complete)) throw noQuorum(attempts);
      await sleep(Math.min(pauseMs(complete), leftMs, LONGEST_TIMER_MS));
    }
  }

  /**
   * Runs the routine under a lock, extends the lock as long as it runs, and releases it then. If the lock is
   * lost, `signal` aborts before the keys can expire, and the call rejects although the routine may return.
   */
  using<T>(
    resources: string[],
    duration: number,
    settings: Partial<Settings>,
    routine?: Routine<T>,
  ): Promise<T>;
  using<T>(resources: string[], duration: number, routine: Routine<T>): Promise<T>;
  async using<T>(
    resources: string[],
    duration: number,
    settingsOrRoutine: Partial<Settings> | Routine<T>,
    lastRoutine?: Routine<T>,
  ): Promise<T> {
    checkDuration(duration);
    const [given, routine] =
      typeof settingsOrRoutine === 'function'
        ? [undefined, settingsOrRoutine]
        : [settingsOrRoutine, lastRoutine];
    if (typeof routine !== 'function') throw new TypeError('using takes a routine as its last argument');
    const settings = completeSettings(given, this.settings);
    if (settings.automaticExtensionThreshold > duration - 100) {
      throw new Error(
        'A lock `duration` must be at least 100ms greater than the `automaticExtensionThreshold` setting.',
      );
    }
    const lock = await this.acquire(resources, duration, settings);
    const extend = (one: Lock): Promise<Lock> => this.extend(one, duration, { ...settings, retryCount: 0 });
    const thresholdMs = settings.automaticExtensionThreshold;
    const extended = new ExtendedLock(lock, leases.get(lock)?.lease, extend, duration, thresholdMs);
    let result: T;
    try {
      result = await routine(extended.signal);
      extended.assertHeld();
    } catch (error) {
      // What goes wrong with the release must not hide what the routine threw.
      await extended.end().catch(() => undefined);
      throw error;
    }
    await extended.end();
    return result;
  }

  #lock(
    held: Held | undefined,
    resources: string[],
    value: string,
    attempts: ReadonlyArray<Promise<ExecutionStats>>,
    expiration: number,
  ): Lock {
    const lock = new Lock(this, resources, value, attempts, expiration);
    if (held !== undefined) leases.set(lock, held);
    return lock;
  }

  #runForForeign(lock: Lock, script: keyof Scripts, ...args: readonly number[]): Promise<Answer> {
    return runForForeign([...this.clients], SCRIPTS[script], lock, args, this.#emitError);
  }
}

/** How long a lock is valid, in milliseconds. */
const leftOf = (lock: Lock, held: Held | undefined): number =>
  held === undefined ? lock.expiration - Date.now() : held.lease.remainingMs();

const isLast = (attempts: number, { retryCount }: Settings): boolean =>
  retryCount !== -1 && attempts > retryCount;
