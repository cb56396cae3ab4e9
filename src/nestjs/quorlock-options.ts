import { Logger } from '@nestjs/common';
import { LockManager, type LockListener, type LockManagerOptions } from '../index.js';
import { optionsFromEnvironment } from './environment.js';
import { DEFAULT_TTL_MS, longestDecoratedTtlMs } from './lock-settings.js';

/**
 * What `QuorlockModule.forRoot()` takes: the options of a `LockManager`, and what belongs to Nest. Warnings go to Nest's
 * logger unless `warn` is given, and `maxTtlMs` follows the longest `ttl` of all decorators.
 */
export interface QuorlockModuleOptions extends Omit<LockManagerOptions, 'nodes'> {
  /**
   * The voters, as `LockManagerOptions` has them.
   * @default from the environment: REDIS_ENABLED, REDIS_HOST, REDIS_PORT, or QUORLOCK_NODES; and QUORLOCK_FALLBACK
   */
  readonly nodes?: LockManagerOptions['nodes'];
  /** Hear every event from the start, such as the metrics of `quorlock/prometheus`. */
  readonly listeners?: readonly LockListener[];
  /**
   * How long the application's shutdown waits for held locks, in milliseconds, before it aborts their signals and releases
   * them. 0 to 2^31 - 1.
   * @default 10_000
   */
  readonly drainMs?: number;
  /**
   * Whether two methods with the same key stop the application from starting, rather than being warned about.
   * @default false
   */
  readonly strictKeys?: boolean;
}

/** The options that are Nest's, checked. */
export interface ModuleSettings {
  readonly drainMs: number;
  readonly strictKeys: boolean;
}

const DEFAULT_DRAIN_MS = 10_000;
const LONGEST_MS = 2 ** 31 - 1;

export function settingsOf({
  drainMs = DEFAULT_DRAIN_MS,
  strictKeys = false,
}: QuorlockModuleOptions): ModuleSettings {
  if (!Number.isInteger(drainMs) || drainMs < 0 || drainMs > LONGEST_MS) {
    throw new RangeError(`drainMs must be an integer from 0 to ${LONGEST_MS}, got ${String(drainMs)}`);
  }
  if (typeof strictKeys !== 'boolean')
    throw new TypeError(`strictKeys must be true or false, got ${String(strictKeys)}`);
  return { drainMs, strictKeys };
}

/** Makes the manager of a module instance. Bad options throw, and so stop the application from starting. */
export function createManager(options: QuorlockModuleOptions): LockManager {
  const logger = new Logger('Quorlock');
  const { listeners = [], drainMs: _drainMs, strictKeys: _strictKeys, ...rest } = options;
  if (!Array.isArray(listeners)) throw new TypeError('listeners must be a list of functions');
  const managerOptions = {
    maxTtlMs: Math.max(DEFAULT_TTL_MS, longestDecoratedTtlMs(), rest.ttlMs ?? 0),
    warn: (message: string) => logger.warn(message),
    ...rest,
  };
  // Looked at when the application starts and not when its file is imported, so that a .env file was read by then.
  const locks = new LockManager(
    'nodes' in rest ? (managerOptions as LockManagerOptions) : withEnvironment(managerOptions, logger),
  );
  for (const listener of listeners) locks.subscribe(listener);
  return locks;
}

function withEnvironment(options: Omit<LockManagerOptions, 'nodes'>, logger: Logger): LockManagerOptions {
  const { options: found, warning } = optionsFromEnvironment(process.env);
  if (warning !== undefined) logger.warn(warning);
  return { ...found, ...options };
}
