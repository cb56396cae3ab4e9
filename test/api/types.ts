/**
 * Tests of types. This file is compiled with the tests, under `exactOptionalPropertyTypes`, and never run.
 */
import type {
  AcquireOptions,
  LockManager,
  LockManagerOptions,
  LockOptions,
  memoryNode,
  RedisClusterOptions,
  RedisNodeOptions,
} from '../../src/index.js';
import type {
  DistributedLockOptions,
  LockedHandlerOptions,
  LockSettings,
  QuorlockModuleExtras,
  QuorlockModuleOptions,
} from '../../src/nestjs/index.js';
import type { LockMetricsOptions } from '../../src/prometheus/index.js';

/** The properties that have a name of their own. */
type Named<T> = { [Name in keyof T as string extends Name ? never : Name]: T[Name] };

/** The optional properties that must be left out and may not be `undefined`. */
type Closed<T> = {
  [Name in keyof T]-?: object extends Pick<T, Name>
    ? undefined extends Required<T>[Name]
      ? never
      : Name
    : never;
}[keyof T];

type OptionsOf<F extends (options?: never) => unknown> = NonNullable<Parameters<F>[0]>;

// A configuration has many values that may be undefined: `{ ttlMs: config.ttl }` must compile.
interface ClosedOptions {
  readonly lock: Closed<LockOptions>;
  readonly acquire: Closed<AcquireOptions>;
  readonly manager: Closed<LockManagerOptions>;
  readonly redis: Closed<Named<RedisNodeOptions>>;
  readonly cluster: Closed<Named<RedisClusterOptions>>;
  readonly memory: Closed<OptionsOf<typeof memoryNode>>;
  readonly close: Closed<OptionsOf<LockManager['close']>>;
  readonly settings: Closed<LockSettings>;
  readonly decorator: Closed<DistributedLockOptions>;
  readonly handler: Closed<LockedHandlerOptions>;
  /** Nodes that a configuration does not have must not silently become those of the environment. */
  readonly module: Exclude<Closed<QuorlockModuleOptions>, 'nodes' | 'redlock'>;
  readonly extras: Closed<QuorlockModuleExtras>;
  readonly metrics: Closed<LockMetricsOptions>;
}

declare const closed: ClosedOptions;
export const none: Readonly<Record<keyof ClosedOptions, never>> = closed;

/** The test above finds what it looks for. */
export const found: Closed<{ readonly open?: string | undefined; readonly closed?: string; given: 1 }> =
  'closed';
