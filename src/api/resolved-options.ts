import type { Backoff } from '../core/backoff.js';
import type { LockOptions } from './options.js';

/** `LockOptions` with all defaults filled in. */
export interface ResolvedLockOptions {
  readonly ttlMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly backoff: Backoff;
  readonly waitMs: number;
  readonly autoExtend: boolean;
  readonly minHoldMs: number;
  readonly maxHoldMs: number | undefined;
  readonly nodeTimeoutMs: number;
}

/** `AcquireOptions` with all defaults filled in. */
export interface ResolvedAcquireOptions extends ResolvedLockOptions {
  readonly signal: AbortSignal | undefined;
  /** With it `waitMs` is infinite. */
  readonly wait: boolean;
  readonly name: string;
  readonly tick: number | undefined;
  readonly retry: boolean;
  readonly attempts: number | undefined;
}

/** The options of a `LockManager` with all defaults filled in, except those of its locks. */
export interface ResolvedManagerOptions {
  readonly keyPrefix: string;
  readonly maxTtlMs: number;
  readonly restartQuarantine: 'auto' | 'off' | number;
  readonly driftFactor: number;
  readonly fencing: boolean;
  readonly fenceTtlMs: number;
  readonly fallback: 'none' | 'memory' | 'node';
  readonly lazyConnect: boolean;
  readonly acknowledge:
    { readonly replicas: number; readonly timeoutMs: number; readonly onDisk: boolean } | undefined;
  readonly maxStallMs: number;
  readonly holder: string;
  readonly warn: (message: string) => void;
  readonly lockDefaults: LockOptions;
}
