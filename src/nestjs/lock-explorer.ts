import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { isSchedulerRegistry, watchCronJobs } from './cron/cron-fires.js';
import type { TickSchedule } from '../index.js';
import { readCronSchedule } from './cron/cron-schedule.js';
import { takeDoubtfulDurations } from './doubtful-durations.js';
import { isOfCall } from './keys/key-source.js';
import { DefaultKeys } from './keys/default-keys.js';
import { ModuleImports } from './keys/module-imports.js';
import { UsersOfKeys } from './keys/users-of-keys.js';
import { lacksTick, type LockRunner } from './lock-runner.js';
import { LeaderElection } from './leader/leader-election.js';
import { ledMethodsOf } from './leader/led-method.js';
import { lockedHandlerMetadataOf } from './request/locked-handler.js';
import { labelOf, lockedMethodsOf, methodName, type LockedMethod } from './locked-method.js';
import type { LineLogger } from './log/module-logger.js';
import { cronMetadataOf, isScheduled, scheduledCronOf } from './nest-metadata.js';
import { callersOf } from './refusal/caller.js';
import { loadMessageException } from './refusal/message-exceptions.js';
import {
  assertIntercepted,
  assertNobodyWaits,
  assertNoCallback,
  assertNoStreamCall,
} from './refusal/placement.js';
import { giveRunner } from './runner-property.js';

/** Nest's `InstanceWrapper`, which it does not export. */
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** One module instance: its name, its runner and the options that its methods have to fit. */
export interface ModuleScope {
  readonly name: string;
  readonly runner: LockRunner;
  readonly strictKeys: boolean;
  readonly logger: LineLogger;
  /** The name of the application; `undefined` when nothing tells it. */
  readonly app: string | undefined;
}

/** The name that Nest gives to the job of a `@Cron` without a name. */
const RANDOM_NAME = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;

/**
 * Looks at all providers and controllers when the application starts. It plans their locked methods, gives
 * the runner to instances that Nest did not construct, and reports mistakes: errors stop the start, warnings
 * are logged.
 */
export class LockExplorer {
  readonly #logger: LineLogger;
  readonly #usersOfKeys = new UsersOfKeys();
  readonly #defaultKeys: DefaultKeys;
  /** The names of the jobs that are made from `@Cron`. */
  readonly #cronNames = new Set<unknown>();
  /** The locked methods that a cron job may call, and that have no tick. */
  readonly #withoutTick: string[] = [];
  /** Whether Nest runs interceptors for the resolvers of fields. */
  #areFieldsIntercepted = false;
  #imports: ModuleImports | undefined;
  /** The prototypes whose locked methods are planned. */
  readonly #planned = new Set<object>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly scope: ModuleScope,
  ) {
    this.#logger = scope.logger;
    this.#defaultKeys = new DefaultKeys(scope.name);
  }

  async explore(): Promise<void> {
    const explored = new Set<object>();
    const schedulers: object[] = [];
    this.#imports = new ModuleImports(this.discovery, this.scope.name);
    this.#reportImports();
    for (const line of takeDoubtfulDurations()) this.#logger.warn(line);
    this.#areFieldsIntercepted = this.discovery.getProviders().some(interceptsFields);
    for (const wrapper of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const instance: unknown = wrapper.instance;
      // Functions, plain values and objects without a prototype may be providers; they have no decorated
      // methods.
      if (typeof instance !== 'object' || instance === null) continue;
      const prototype = Object.getPrototypeOf(instance) as object | null;
      if (prototype === null || prototype === Object.prototype) continue;
      const isNew = !explored.has(prototype);
      explored.add(prototype);
      await this.#exploreMethods(wrapper, instance);
      this.#exploreLedMethods(wrapper, instance);
      if (isNew) await this.#exploreHandlers(prototype);
      if (isSchedulerRegistry(prototype)) schedulers.push(instance);
    }
    for (const message of this.#usersOfKeys.duplicates()) this.#reportKeys(message);
    this.#reportDefaultKeys();
    for (const scheduler of schedulers) this.#watchScheduler(scheduler);
  }

  /** The application has ended: its default keys do not count any more. */
  close(): void {
    this.#defaultKeys.close();
  }

  async #exploreMethods(wrapper: Wrapper, instance: object): Promise<void> {
    const prototype = Object.getPrototypeOf(instance) as object;
    const ours = lockedMethodsOf(prototype).filter(({ locks }) => locks === this.scope.name);
    if (ours.length === 0 || !this.#isOurs(wrapper, instance) || this.#planned.has(prototype)) return;
    this.#planned.add(prototype);
    for (const locked of ours) await this.#plan(wrapper, instance, locked);
  }

  /**
   * Whether the methods of an instance run by the runner of this import of the module. A request-scoped
   * provider has no instance yet: Nest injects the runner when it makes one.
   */
  #isOurs(wrapper: Wrapper, instance: object): boolean {
    const { name, runner } = this.scope;
    const isOfApplication = (one: object): boolean => this.#imports?.runners.includes(one) === true;
    return !wrapper.isDependencyTreeStatic() || giveRunner(instance, name, runner, isOfApplication);
  }

  #exploreLedMethods(wrapper: Wrapper, instance: object): void {
    const { name, runner } = this.scope;
    for (const led of ledMethodsOf(Object.getPrototypeOf(instance) as object)) {
      if (led.locks !== name || !this.#isOurs(wrapper, instance)) continue;
      const method = methodName(instance, led.property);
      const found = (instance as Record<string | symbol, unknown>)[led.property];
      assertNobodyWaits({ name: method, owner: instance, property: led.property, found });
      if (isScheduled(led.wrapper) || isScheduled(found)) this.#warnAboutScope(method, wrapper);
      runner.leaders.declare(led.election, led.ttlMs, method);
      this.#usersOfKeys.add(led.election, LeaderElection, `the election "${led.election}"`);
    }
  }

  async #plan(wrapper: Wrapper, instance: object, locked: LockedMethod): Promise<void> {
    const { runner } = this.scope;
    const method = methodName(instance, locked.property);
    const found = (instance as Record<string | symbol, unknown>)[locked.property];
    this.#assertFits(method, locked);
    assertNoCallback({ name: method, found });
    assertNoStreamCall({ name: method, found }, '@DistributedLock');
    if (isScheduled(locked.wrapper) || isScheduled(found)) this.#warnAboutScope(method, wrapper);
    const plan = runner.plan(instance, locked, found, await this.#readSchedule(method, locked, found));
    runner.locks.declare(plan.name);
    const [outermost] = lockedMethodsOf(Object.getPrototypeOf(instance) as object).filter(
      ({ property }) => property === locked.property,
    );
    runner.watchTicks(instance, locked, plan, outermost !== locked);
    for (const caller of callersOf(instance, locked.property, [locked.wrapper, found]))
      await loadMessageException(caller);
    if (lacksTick(plan, locked) && !isScheduled(locked.wrapper) && !isScheduled(found))
      this.#withoutTick.push(method);
    // A default key is one also where a value of the call follows it.
    const keys = runner.keysOf(instance, { ...locked, keyPath: undefined }, []);
    if (locked.key === undefined) for (const key of keys) this.#defaultKeys.add(key, instance.constructor);
    if (isOfCall(locked)) return;
    for (const key of new Set(keys)) this.#usersOfKeys.add(key, instance.constructor, method);
  }

  #warnAboutScope(method: string, wrapper: Wrapper): void {
    if (!wrapper.isDependencyTreeStatic()) {
      this.#logger.warn(
        `${method} never runs: its provider is request-scoped, and Nest does not schedule those`,
      );
    } else if (wrapper.isTransient) {
      this.#logger.warn(`${method} runs on an object whose constructor never ran: its provider is transient`);
    }
  }

  /** How to find the tick of a call; `undefined` for a method that does not run once per tick. */
  async #readSchedule(
    method: string,
    locked: LockedMethod,
    found: unknown,
  ): Promise<TickSchedule | undefined> {
    if (locked.once === false) return undefined;
    const cron = scheduledCronOf(locked.wrapper, found);
    if (cron !== undefined) return readCronSchedule(cron, method);
    if (locked.once === undefined || cronMetadataOf(locked.wrapper) !== undefined) return undefined;
    throw new Error(
      `${method}: once: 'tick' needs @Cron. @Interval and @Timeout have no scheduled time that workers ` +
        'share: use minHold instead',
    );
  }

  async #exploreHandlers(prototype: object): Promise<void> {
    const { name: locks, runner } = this.scope;
    for (const property of this.scanner.getAllMethodNames(prototype)) {
      const method = (prototype as Record<string, unknown>)[property];
      this.#cronNames.add(cronMetadataOf(method)?.name);
      const handler = lockedHandlerMetadataOf(method);
      if (handler === undefined || handler.locks !== locks) continue;
      const name = methodName(prototype, property);
      this.#assertFits(name, handler);
      const place = { name, owner: prototype, property, found: method };
      assertNoStreamCall(place, '@LockedHandler');
      if (!assertIntercepted(place, this.#areFieldsIntercepted)) this.#warnAboutHandler(name);
      const keyed = { key: handler.key, property };
      runner.locks.declare(labelOf(prototype, keyed));
      if (handler.key === undefined)
        for (const key of runner.keysOf(prototype, keyed, []))
          this.#defaultKeys.add(key, prototype.constructor);
      for (const caller of callersOf(prototype, property, [method])) await loadMessageException(caller);
    }
  }

  #warnAboutHandler(method: string): void {
    this.#logger.warn(
      `${method} has @LockedHandler, and none of the decorators of a handler: it is locked only where it ` +
        'is called through the interceptors of Nest. Use @DistributedLock for other methods',
    );
  }

  #watchScheduler(scheduler: object): void {
    if (!isSchedulerRegistry(scheduler)) return;
    const { runner } = this.scope;
    runner.schedulers.push(scheduler);
    watchCronJobs(scheduler, (name, isAcrossWorkers) => {
      const isOfDecorator = this.#cronNames.has(name) || RANDOM_NAME.test(name);
      runner.lateRuns.onJobAdded();
      if (!isOfDecorator && !isAcrossWorkers && this.#withoutTick.length > 0)
        runner.warnOfAddedJob(name, this.#withoutTick);
    });
  }

  #assertFits(method: string, { normalizedOptions }: Pick<LockedMethod, 'normalizedOptions'>): void {
    this.scope.runner.assertFits(method, normalizedOptions);
  }

  #reportImports(): void {
    const warning = this.#imports?.report(this.scope.runner);
    if (warning !== undefined) this.#logger.warn(warning);
  }

  /** Default keys are those of this application, if it has a name that no other one has. */
  #reportDefaultKeys(): void {
    const [first] = this.#defaultKeys.keys;
    if (first === undefined) return;
    if (this.scope.app === undefined) {
      this.#logger.warn(
        `The application has no name, so default keys such as "${first}" are shared with every application ` +
          'on the same nodes. Give the module the option app, or give each method a key',
      );
    }
    for (const key of this.#defaultKeys.sharedKeys()) {
      this.#reportKeys(
        `Two applications in this process have the default lock key "${key}": only one of them runs at a ` +
          'time. Give their modules the option app, or give each method a key',
      );
    }
  }

  #reportKeys(message: string): void {
    if (this.scope.strictKeys) throw new Error(message);
    this.#logger.warn(message);
  }
}

/** Whether these are the options of a GraphQLModule that run interceptors for the resolvers of fields. */
function interceptsFields({ token, instance }: Wrapper): boolean {
  const { fieldResolverEnhancers: enhancers } = (token === 'GqlModuleOptions' ? (instance ?? {}) : {}) as {
    readonly fieldResolverEnhancers?: unknown;
  };
  return Array.isArray(enhancers) && enhancers.includes('interceptors');
}
