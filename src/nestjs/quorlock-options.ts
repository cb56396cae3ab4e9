import {
  LockManager,
  type LockListener,
  type LockManagerOptions,
  type RedisLike,
  type RunPolicyOptions,
} from '../index.js';
import { findApplicationName } from './keys/application-name.js';
import { assertKnown, assertOneOf, show } from './check-options.js';
import { optionsFromEnvironment } from './environment.js';
import { DEFAULT_TTL_MS } from './lock-settings.js';
import { LOG_LEVELS, loggerOf, type LineLogger, type LockLogLevel } from './log/module-logger.js';
import { NodeLog } from './log/node-log.js';
import { longestDecoratedTtlMs } from './normalize-options.js';
import { assertRunsFit, normalizeRuns } from './runs/normalize-runs.js';
import { RUN_SETTINGS, type RunSettings } from './runs/run-settings.js';

/**
 * The options of `QuorlockModule.forRoot()`: those of a `LockManager`, and some of Nest's. By default,
 * warnings go to Nest's logger, and `maxTtlMs` is the longest `ttl` of all decorators, but at least a minute
 * and at least `ttlMs`.
 */
export interface QuorlockModuleOptions extends Omit<LockManagerOptions, 'nodes'> {
  /**
   * The voters, as in `LockManagerOptions`. `undefined` is refused: nodes that a configuration does not have
   * must not silently become those of the environment.
   * @default from the environment: REDIS_ENABLED, REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD,
   * REDIS_DB, REDIS_TLS, QUORLOCK_NODES and QUORLOCK_FALLBACK
   */
  readonly nodes?: LockManagerOptions['nodes'];
  /**
   * A Redlock object, of `quorlock/redlock` or of the package redlock: its clients are the nodes, and its
   * locks and those of the module exclude each other. `keyPrefix` is `''` then, and `driftFactor` its own.
   * Excludes `nodes`. `undefined` is refused, as in `nodes`.
   * @default none
   */
  readonly redlock?: RedlockLike;
  /**
   * Listeners that hear every event from the start, such as `lockMetrics()` of `quorlock/prometheus`.
   * @default none
   */
  readonly listeners?: readonly LockListener[] | undefined;
  /**
   * How long the application's shutdown waits for held locks, in milliseconds: an integer from 0 to 2^31 - 1.
   * After that it aborts their signals and releases them.
   * @default 10_000
   */
  readonly drainMs?: number | undefined;
  /**
   * Whether two methods with the same key stop the application from starting. `false` logs a warning instead.
   * @default false
   */
  readonly strictKeys?: boolean | undefined;
  /**
   * Whether the application stops its start with an error when no majority of the nodes is ready two seconds
   * after the first connection. Nodes in quarantine are not ready. `false` logs an error line instead.
   * @default false
   */
  readonly requireQuorum?: boolean | undefined;
  /**
   * Which lines the module logs: those of this level and above. `'none'`: it logs nothing. What it logs still
   * passes the levels of the application's own logger.
   * @default 'debug'
   */
  readonly logLevel?: LockLogLevel | undefined;
  /**
   * The name of the application, at most 128 characters. It begins the keys of methods and handlers that give
   * none, such as `orders:TasksService.hourly`, so that two applications on the same nodes do not share them.
   * All workers of an application need the same name. `''` leaves it out.
   * @default the name of the package: npm's `npm_package_name`, or that in the package.json nearest to the
   * running script, or nearest to the working directory
   */
  readonly app?: string | undefined;
  /**
   * What becomes of ticks of `@Cron` methods that do not run as planned, where the decorator does not say:
   * `missed`, `maxLateness`, `abandoned`, `attempts`, `overlap`, `spread`, `timeout`, `retryOnError`,
   * `history`.
   * @default at most once, and skipped when held
   */
  readonly runs?: RunSettings | undefined;
}

/** The part of a Redlock object that the module needs. Its clients are duplicated. */
export interface RedlockLike {
  readonly clients: Iterable<RedisLike>;
  readonly settings: { readonly driftFactor: number };
}

/** The checked options that the manager does not know. */
export interface ModuleSettings {
  readonly drainMs: number;
  readonly strictKeys: boolean;
  readonly requireQuorum: boolean;
  /** The name of the application; `undefined` when nothing tells it. */
  readonly app: string | undefined;
  readonly runs: RunPolicyOptions;
}

const LONGEST_APP = 128;
const DEFAULT_DRAIN_MS = 10_000;
const LONGEST_MS = 2 ** 31 - 1;

/** Checks the options that the manager does not know, and completes them by their defaults. */
export function readModuleSettings({
  drainMs = DEFAULT_DRAIN_MS,
  strictKeys = false,
  requireQuorum = false,
  logLevel,
  app,
  runs = {},
}: QuorlockModuleOptions): ModuleSettings {
  if (!Number.isInteger(drainMs) || drainMs < 0 || drainMs > LONGEST_MS) {
    throw new RangeError(`drainMs must be an integer from 0 to ${LONGEST_MS}, got ${show(drainMs)}`);
  }
  if (typeof strictKeys !== 'boolean')
    throw new TypeError(`strictKeys must be true or false, got ${show(strictKeys)}`);
  if (typeof requireQuorum !== 'boolean')
    throw new TypeError(`requireQuorum must be true or false, got ${show(requireQuorum)}`);
  assertOneOf('QuorlockModule', 'logLevel', logLevel, LOG_LEVELS);
  return { drainMs, strictKeys, requireQuorum, app: readApp(app), runs: readRuns(runs) };
}

function readRuns(settings: RunSettings): RunPolicyOptions {
  const where = 'QuorlockModule: runs';
  assertKnown(where, settings, RUN_SETTINGS);
  const runs = normalizeRuns(where, settings);
  assertRunsFit(where, runs);
  return runs;
}

function readApp(app: unknown): string | undefined {
  if (app === undefined) {
    return findApplicationName({ environment: process.env, script: process.argv[1], folder: process.cwd() });
  }
  if (typeof app !== 'string') throw new TypeError(`app must be a string, got ${show(app)}`);
  if (app.length > LONGEST_APP || /\p{Cc}/u.test(app)) {
    throw new RangeError(
      `app must have at most ${LONGEST_APP} characters and no control characters, got ${show(app)}`,
    );
  }
  return app;
}

/** What `forRootAsync()` takes beside its factory. */
const BESIDE_FACTORY = ['name', 'isGlobal'];

/** Every option of a manager: the compiler misses the one that is left out. */
const OF_MANAGER: Readonly<Record<keyof LockManagerOptions, true>> = {
  nodes: true,
  ttlMs: true,
  retries: true,
  retryDelayMs: true,
  backoff: true,
  waitMs: true,
  autoExtend: true,
  minHoldMs: true,
  maxHoldMs: true,
  nodeTimeoutMs: true,
  keyPrefix: true,
  maxTtlMs: true,
  restartQuarantine: true,
  driftFactor: true,
  fencing: true,
  fenceTtlMs: true,
  fallback: true,
  lazyConnect: true,
  acknowledge: true,
  maxStallMs: true,
  holder: true,
  warn: true,
};

/** The options that only the module has. */
const OF_MODULE: Readonly<Record<Exclude<keyof QuorlockModuleOptions, keyof LockManagerOptions>, true>> = {
  redlock: true,
  listeners: true,
  drainMs: true,
  logLevel: true,
  app: true,
  runs: true,
  requireQuorum: true,
  strictKeys: true,
};

const KNOWN = [...Object.keys(OF_MANAGER), ...Object.keys(OF_MODULE), ...BESIDE_FACTORY];

/** Refuses what a factory gives by mistake: nothing at all, or what stands beside it. */
function assertOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`QuorlockModule takes an object of options, got ${show(options)} from its factory`);
  const [misplaced] = BESIDE_FACTORY.filter((option) => option in options);
  if (misplaced !== undefined)
    throw new TypeError(`QuorlockModule: ${misplaced} stands beside the factory, not in what it gives`);
  assertKnown('QuorlockModule', options, KNOWN);
}

/** The default of `maxTtlMs`. A `ttlMs` that is none is left to the manager, which refuses it by its name. */
function longestOf(...ttls: readonly unknown[]): number {
  const valid = ttls.filter((ttl): ttl is number => Number.isInteger(ttl));
  return Math.min(Math.max(...valid), LONGEST_MS);
}

/**
 * Creates the manager of a module instance. Bad options throw, and so stop the application from starting. All
 * options are checked before the manager opens its nodes, because nothing would close them.
 */
export function createManager(options: QuorlockModuleOptions): LockManager {
  assertOptions(options);
  readModuleSettings(options);
  const {
    listeners = [],
    drainMs: _,
    strictKeys: _strictKeys,
    requireQuorum: _requireQuorum,
    app: _app,
    runs: _runs,
    logLevel,
    redlock,
    ...own
  } = options;
  const rest = 'redlock' in options ? { ...optionsOfRedlock(redlock, own), ...own } : own;
  const logger = loggerOf('Quorlock', logLevel);
  if (!Array.isArray(listeners)) throw new TypeError('listeners must be a list of functions');
  const given = withoutUndefined(rest);
  const managerOptions = {
    maxTtlMs: longestOf(DEFAULT_TTL_MS, longestDecoratedTtlMs(), given.ttlMs),
    warn: (message: string) => logger.warn(message),
    ...given,
    // `LockLifecycle` connects when the application has started. If it does not start, nothing is left open.
    lazyConnect: true,
  };
  // This runs when the application starts, not at import. By now a .env file has been read.
  return new LockManager(
    'nodes' in given ? (managerOptions as LockManagerOptions) : addEnvironment(managerOptions, logger),
  );
}

/**
 * Logs what the manager tells of its nodes, and lets the listeners of the module hear it: also where a test
 * has put another manager in the place of the one made here.
 */
export function listenTo(locks: LockManager, options: QuorlockModuleOptions): void {
  const { drainMs } = readModuleSettings(options);
  try {
    locks.subscribe(new NodeLog(loggerOf('Quorlock', options.logLevel), drainMs).listener);
    for (const listener of options.listeners ?? []) locks.subscribe(listener);
  } catch (error) {
    void locks.close();
    throw error;
  }
}

/** What a manager can do: the methods of the class. */
const METHODS = Object.getOwnPropertyNames(LockManager.prototype).filter((name) => name !== 'constructor');

/**
 * Refuses what a test has put in the place of a `LockManager` and cannot be one. `byClass` is what the class
 * stands for, which is the same unless only the token was overridden: then some would lock elsewhere.
 */
export function assertUsable(locks: LockManager, byClass: LockManager): void {
  if (locks !== byClass) {
    throw new TypeError(
      'the LockManager was overridden by its token only, so that who injects it by its class gets ' +
        'another one: use overrideProvider(LockManager)',
    );
  }
  const missing = METHODS.filter((name) => !(name in Object(locks)));
  if (missing.length > 0) {
    throw new TypeError(
      `what overrides LockManager lacks ${missing.join(', ')}: ` +
        'give it testLocks().manager of quorlock/testing, or a LockManager with a memoryNode()',
    );
  }
}

function optionsOfRedlock(redlock: RedlockLike | undefined, own: object): Omit<LockManagerOptions, 'ttlMs'> {
  if ('nodes' in own) throw new TypeError('redlock and nodes exclude each other: the clients are the nodes');
  const { clients, settings } = (redlock ?? {}) as Partial<RedlockLike>;
  if (typeof clients !== 'object' || !(Symbol.iterator in clients) || typeof settings !== 'object') {
    throw new TypeError(`redlock must be a Redlock object with clients and settings, got ${show(redlock)}`);
  }
  return { nodes: [...clients], keyPrefix: '', driftFactor: settings.driftFactor };
}

/**
 * The options that were given. `undefined` stands for the default, except in `nodes`: nodes that a
 * configuration does not have must not silently become those of the environment.
 */
function withoutUndefined(options: Omit<QuorlockModuleOptions, 'listeners'>): typeof options {
  const given = Object.entries(options).filter(([name, value]) => value !== undefined || name === 'nodes');
  return Object.fromEntries(given);
}

function addEnvironment(options: Omit<LockManagerOptions, 'nodes'>, logger: LineLogger): LockManagerOptions {
  const { options: found, warning } = optionsFromEnvironment(process.env);
  if (warning !== undefined) logger.warn(warning);
  return { ...found, ...options };
}
