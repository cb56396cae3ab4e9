import type { Backoff } from '../index.js';
import type { Milliseconds, Seconds } from './duration.js';

/**
 * How a decorated method or handler is locked. An option that is left out takes its value from the module's
 * options (`ttl` from `ttlMs`, `retryDelay` from `retryDelayMs`, and so on), and otherwise the default below.
 */
export interface LockSettings {
  /**
   * Time to live: how long the lock stays taken when its holder dies. In seconds or as a string such as
   * `'5m'`, from 10 ms. While the method runs the lock is extended, so a short `ttl` suits a long job too.
   * @default 60
   */
  readonly ttl?: Seconds | undefined;
  /**
   * How often to try again when the lock is held: an integer from 0 to 2^31 - 1. Excludes `onHeld: 'wait'`.
   * @default 0
   */
  readonly retries?: number | undefined;
  /**
   * Pause between two attempts. In milliseconds or as a string such as `'500ms'`, from 1 ms. Each pause is
   * drawn at random from half to one and a half times this.
   * @default 100
   */
  readonly retryDelay?: Milliseconds | undefined;
  /**
   * How the pauses grow: `'constant'`, `'exponential'` (doubled with each attempt, up to 64 times the first),
   * or a function of the number of attempts so far, which returns milliseconds.
   * @default 'constant'
   */
  readonly backoff?: Backoff | undefined;
  /**
   * How long a call waits for a held lock. In seconds or as a string such as `'5m'`, from 1 ms. `true`: until
   * it has the lock, its request ends, or the application is shut down. Needs `onHeld: 'wait'`.
   * @default the `ttl`
   */
  readonly wait?: Seconds | true | undefined;
  /**
   * The lock stays taken at least this long, even if the method ends earlier. In seconds or as a string such
   * as `'30s'`, from 0 to `ttl`.
   * @default 0
   */
  readonly minHold?: Seconds | undefined;
  /**
   * The lease is lost after this time, even if it was extended. In seconds or as a string such as `'1h'`, at
   * least `ttl`.
   * @default none
   */
  readonly maxHold?: Seconds | undefined;
  /**
   * Whether the lock is extended while the method runs.
   * @default true
   */
  readonly autoExtend?: boolean | undefined;
}

/** The names of these settings, for the check of unknown options. */
export const SETTINGS = [
  'ttl',
  'retries',
  'retryDelay',
  'wait',
  'backoff',
  'minHold',
  'maxHold',
  'autoExtend',
] as const;

/** What a call does when somebody else holds the lock. */
export type OnHeld = 'skip' | 'throw' | 'wait';

/** What a call does when no majority of the nodes can be reached. */
export type OnUnavailable = 'skip' | 'throw' | 'run';

/** The default `ttl` of a decorator, in milliseconds: the guide's. */
export const DEFAULT_TTL_MS = 60_000;
