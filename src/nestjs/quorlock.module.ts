import {
  ConfigurableModuleBuilder,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type Provider,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { LockManager } from '../index.js';
import { LockExplorer } from './lock-explorer.js';
import { LockLifecycle } from './lock-lifecycle.js';
import { LockRunner } from './lock-runner.js';
import { createManager, settingsOf, type QuorlockModuleOptions } from './quorlock-options.js';
import { DEFAULT_LOCKS, getLockManagerToken, getRunnerToken } from './tokens.js';

/** What belongs to the module and not to the locks, so that `forRootAsync()` takes it beside its factory. */
export interface QuorlockModuleExtras {
  /**
   * Whether every module may inject the `LockManager` and have decorated methods without importing this one.
   * @default true
   */
  readonly isGlobal?: boolean;
  /**
   * Tells several modules apart, each with nodes of its own: `@InjectLockManager(name)`, `@DistributedLock({ locks: name })`.
   * @default the default instance
   */
  readonly name?: string;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<QuorlockModuleOptions>({
    moduleName: 'Quorlock',
  })
    .setClassMethodName('forRoot')
    .setExtras<QuorlockModuleExtras>({ isGlobal: true, name: DEFAULT_LOCKS }, define)
    .build();

/**
 * Locks for Nest: provides a `LockManager`, which `@DistributedLock()` and `@LockedHandler()` use, and which can be injected
 * by its class or `@InjectLockManager()`. Drains and releases when the application is closed.
 */
@Module({ imports: [DiscoveryModule] })
export class QuorlockModule extends ConfigurableModuleClass {
  /** Without `nodes`, the environment decides: REDIS_ENABLED, REDIS_HOST, REDIS_PORT, QUORLOCK_NODES, QUORLOCK_FALLBACK. */
  static override forRoot(options: QuorlockModuleOptions & QuorlockModuleExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** The same, with the options from a factory, a class or a provider. */
  static override forRootAsync(
    options: ConfigurableModuleAsyncOptions<QuorlockModuleOptions> & QuorlockModuleExtras,
  ): DynamicModule {
    return super.forRootAsync(options);
  }
}

function define(
  definition: DynamicModule,
  { isGlobal = true, name = DEFAULT_LOCKS }: QuorlockModuleExtras,
): DynamicModule {
  if (typeof name !== 'string' || name === '')
    throw new TypeError(`name must be a text, got ${String(name)}`);
  const isDefault = name === DEFAULT_LOCKS;
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      ...providersOf(name),
      ...(isDefault ? [{ provide: LockManager, useExisting: getLockManagerToken() }] : []),
    ],
    exports: [getLockManagerToken(name), getRunnerToken(name), ...(isDefault ? [LockManager] : [])],
  };
}

function providersOf(name: string): Provider[] {
  return [
    { provide: getLockManagerToken(name), inject: [MODULE_OPTIONS_TOKEN], useFactory: createManager },
    {
      provide: getRunnerToken(name),
      inject: [getLockManagerToken(name), MODULE_OPTIONS_TOKEN],
      useFactory: (locks: LockManager, options: QuorlockModuleOptions) => new LockRunner(locks, options),
    },
    {
      provide: LockLifecycle,
      inject: [getRunnerToken(name), MODULE_OPTIONS_TOKEN, DiscoveryService, MetadataScanner],
      useFactory: (
        runner: LockRunner,
        options: QuorlockModuleOptions,
        discovery: DiscoveryService,
        scanner: MetadataScanner,
      ) => {
        const { drainMs, strictKeys } = settingsOf(options);
        const scope = { name, runner, maxTtlMs: options.maxTtlMs, strictKeys };
        return new LockLifecycle(runner.locks, new LockExplorer(discovery, scanner, scope), drainMs);
      },
    },
  ];
}
