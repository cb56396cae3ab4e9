import {
  ConfigurableModuleBuilder,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { LockManager } from '../index.js';
import { show } from './check-options.js';
import { LockHealthIndicator } from './health/lock-health-indicator.js';
import { LeaderElection } from './leader/leader-election.js';
import { LockExplorer } from './lock-explorer.js';
import { LockLifecycle } from './lock-lifecycle.js';
import { LockRunner } from './lock-runner.js';
import { loggerOf } from './log/module-logger.js';
import { LockExceptionFilter } from './refusal/lock-exception.filter.js';
import {
  assertUsable,
  createManager,
  listenTo,
  readModuleSettings,
  type QuorlockModuleOptions,
} from './quorlock-options.js';
import {
  DEFAULT_LOCKS,
  getLeaderElectionToken,
  getLockHealthToken,
  getLockManagerToken,
  getRunnerToken,
} from './tokens.js';

/** The options of the module itself. `forRootAsync()` takes them beside its factory. */
export interface QuorlockModuleExtras {
  /**
   * Whether every module may inject the `LockManager` and have decorated methods without importing this
   * module.
   * @default true
   */
  readonly isGlobal?: boolean | undefined;
  /**
   * The name of this instance, when an application has several, each with its own nodes.
   * `@InjectLockManager(name)` and `@DistributedLock({ locks: name })` refer to it.
   * @default 'default'
   */
  readonly name?: string | undefined;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<QuorlockModuleOptions>({
    moduleName: 'Quorlock',
  })
    .setClassMethodName('forRoot')
    .setExtras<QuorlockModuleExtras>({ isGlobal: true, name: DEFAULT_LOCKS }, addProviders)
    .build();

/**
 * Locks for Nest. The module provides a `LockManager`, which `@DistributedLock()` and `@LockedHandler()` use.
 * Inject it by its class or by `@InjectLockManager()`. When the application is closed, running jobs may end
 * within `drainMs`, and all locks are released.
 */
@Module({ imports: [DiscoveryModule] })
export class QuorlockModule extends ConfigurableModuleClass {
  /**
   * Makes the module from options. Without `nodes`, the environment decides: REDIS_ENABLED and the other
   * variables with REDIS_, or QUORLOCK_NODES, and QUORLOCK_FALLBACK. Bad options stop the application from
   * starting.
   */
  static override forRoot(options: QuorlockModuleOptions & QuorlockModuleExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Makes the module from the options that a factory, a class or a provider gives. */
  static override forRootAsync(
    options: ConfigurableModuleAsyncOptions<QuorlockModuleOptions> & QuorlockModuleExtras,
  ): DynamicModule {
    const { useFactory, useClass, useExisting } = (options ?? {}) as Partial<typeof options>;
    if (typeof useFactory !== 'function' && typeof useClass !== 'function' && !useExisting) {
      throw new TypeError(
        'QuorlockModule.forRootAsync takes an object with useFactory, useClass or useExisting, ' +
          `got ${namesIn(options)}; forRoot takes the options themselves`,
      );
    }
    return super.forRootAsync(options);
  }
}

/** What was given, without the values: there may be a password among them. */
function namesIn(given: unknown): string {
  if (typeof given !== 'object' || given === null) return given === null ? 'null' : typeof given;
  const names = Object.keys(given).join(', ').slice(0, 80);
  return `an object with ${names === '' ? 'nothing in it' : names}`;
}

function addProviders(
  definition: DynamicModule,
  { isGlobal = true, name = DEFAULT_LOCKS }: QuorlockModuleExtras,
): DynamicModule {
  if (typeof name !== 'string' || name === '')
    throw new TypeError(`name must be a text that is not empty, got ${show(name)}`);
  if (typeof isGlobal !== 'boolean')
    throw new TypeError(`isGlobal must be true or false, got ${show(isGlobal)}`);
  const isDefault = name === DEFAULT_LOCKS;
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      ...providersOf(name),
      { provide: APP_FILTER, useClass: LockExceptionFilter },
      ...(isDefault
        ? [
            { provide: getLockManagerToken(), useExisting: LockManager },
            { provide: LeaderElection, useExisting: getLeaderElectionToken() },
            { provide: LockHealthIndicator, useExisting: getLockHealthToken() },
          ]
        : []),
    ],
    exports: [
      getLockManagerToken(name),
      getLeaderElectionToken(name),
      getLockHealthToken(name),
      getRunnerToken(name),
      ...(isDefault ? [LockManager, LeaderElection, LockHealthIndicator] : []),
    ],
  };
}

/** The token that provides the manager of an instance. */
const classOrToken = (name: string): string | typeof LockManager =>
  name === DEFAULT_LOCKS ? LockManager : getLockManagerToken(name);

function providersOf(name: string): Provider[] {
  return [
    // The class is the provider of the default instance, and the token stands for it: a test that overrides
    // the class changes what everybody gets.
    { provide: classOrToken(name), inject: [MODULE_OPTIONS_TOKEN], useFactory: createManager },
    {
      provide: getRunnerToken(name),
      inject: [getLockManagerToken(name), MODULE_OPTIONS_TOKEN, classOrToken(name)],
      useFactory: (locks: LockManager, options: QuorlockModuleOptions, byClass: LockManager) => {
        assertUsable(locks, byClass);
        listenTo(locks, options);
        return new LockRunner(
          locks,
          options,
          readModuleSettings(options).app ?? '',
          readModuleSettings(options).runs,
          loggerOf('DistributedLock', options.logLevel),
        );
      },
    },
    {
      provide: getLeaderElectionToken(name),
      inject: [getRunnerToken(name)],
      useFactory: (runner: LockRunner) => runner.leaders,
    },
    {
      provide: getLockHealthToken(name),
      inject: [getLockManagerToken(name)],
      useFactory: (locks: LockManager) => new LockHealthIndicator(locks),
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
        const { drainMs, strictKeys, requireQuorum, app } = readModuleSettings(options);
        const logger = loggerOf('DistributedLock', options.logLevel);
        const scope = { name, runner, strictKeys, app, logger };
        const explorer = new LockExplorer(discovery, scanner, scope);
        const lazyConnect = options.lazyConnect === true;
        return new LockLifecycle(runner.locks, explorer, runner, { drainMs, lazyConnect, requireQuorum });
      },
    },
  ];
}
