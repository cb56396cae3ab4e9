import { Logger } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { readCronSchedule, type TickOf } from './cron-schedule.js';
import type { LockRunner } from './lock-runner.js';
import { lockedHandlerMetadataOf } from './lock.interceptor.js';
import { keyOf, lockedMethodsOf, methodName, type LockedMethod } from './locked-method.js';
import { cronMetadataOf, isScheduled } from './nest-metadata.js';
import { giveRunner } from './runner-property.js';

/** Nest's `InstanceWrapper`, which it does not export. */
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** One module instance: its name, its runner and the options that its methods have to fit. */
export interface ModuleScope {
  readonly name: string;
  readonly runner: LockRunner;
  readonly strictKeys: boolean;
}

/** How many methods with the same key a message names. */
const MOST_METHODS = 5;

/** A method with a fixed key. Two classes may have the same name, and then by default the same keys. */
interface KeyUser {
  /** The class. */
  readonly owner: unknown;
  readonly method: string;
}

/**
 * Looks at all providers and controllers when the application starts. It plans their locked methods, gives
 * the runner to instances that Nest did not construct, and reports mistakes: errors stop the start, warnings
 * are logged.
 */
export class LockExplorer {
  readonly #logger = new Logger('DistributedLock');
  readonly #usersOfKey = new Map<string, KeyUser[]>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly scope: ModuleScope,
  ) {}

  async explore(): Promise<void> {
    const explored = new Set<object>();
    for (const wrapper of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const instance: unknown = wrapper.instance;
      // Functions, plain values and objects without a prototype may be providers; they have no decorated
      // methods.
      if (typeof instance !== 'object' || instance === null) continue;
      const prototype = Object.getPrototypeOf(instance) as object | null;
      if (prototype === null || prototype === Object.prototype) continue;
      const isNew = !explored.has(prototype);
      explored.add(prototype);
      await this.#exploreMethods(wrapper, instance, isNew);
      if (isNew) this.#exploreHandlers(prototype);
    }
    this.#reportDuplicates();
  }

  async #exploreMethods(wrapper: Wrapper, instance: object, isNew: boolean): Promise<void> {
    const { name, runner } = this.scope;
    for (const locked of lockedMethodsOf(Object.getPrototypeOf(instance) as object)) {
      if (locked.locks !== name) continue;
      // A request-scoped provider has no instance yet. Nest injects the runner when it makes one.
      if (wrapper.isDependencyTreeStatic()) giveRunner(instance, name, runner);
      if (isNew) await this.#plan(wrapper, instance, locked);
    }
  }

  async #plan(wrapper: Wrapper, instance: object, locked: LockedMethod): Promise<void> {
    const { runner } = this.scope;
    const method = methodName(instance, locked.property);
    const found = (instance as Record<string | symbol, unknown>)[locked.property];
    this.#assertFits(method, locked);
    if (isScheduled(locked.wrapper) || isScheduled(found)) this.#warnAboutScope(method, wrapper);
    const { name } = runner.plan(instance, locked, found, await this.#readSchedule(method, locked, found));
    runner.locks.declare(name);
    if (typeof locked.key === 'function') return;
    const key = keyOf(instance, locked);
    const users = this.#usersOfKey.get(key) ?? [];
    // An override and the locked method that it overrides count once: the inner call runs under the outer
    // call's lease.
    if (users.some((other) => other.owner === instance.constructor && other.method === method)) return;
    this.#usersOfKey.set(key, [...users, { owner: instance.constructor, method }]);
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
  async #readSchedule(method: string, locked: LockedMethod, found: unknown): Promise<TickOf | undefined> {
    if (locked.once === false) return undefined;
    const cron = cronMetadataOf(locked.wrapper) ?? cronMetadataOf(found);
    if (cron !== undefined) return readCronSchedule(cron, method);
    if (locked.once === undefined) return undefined;
    throw new Error(
      `${method}: once: 'tick' needs @Cron. @Interval and @Timeout have no scheduled time that workers ` +
        'share: use minHold instead',
    );
  }

  #exploreHandlers(prototype: object): void {
    const { name, runner } = this.scope;
    for (const property of this.scanner.getAllMethodNames(prototype)) {
      const handler = lockedHandlerMetadataOf((prototype as Record<string, unknown>)[property]);
      if (handler === undefined || handler.locks !== name) continue;
      this.#assertFits(methodName(prototype, property), handler);
      runner.locks.declare(handler.labelFor(prototype, property));
    }
  }

  #assertFits(method: string, { normalizedOptions }: Pick<LockedMethod, 'normalizedOptions'>): void {
    this.scope.runner.assertFits(method, normalizedOptions);
  }

  #reportDuplicates(): void {
    for (const [key, users] of this.#usersOfKey) {
      if (users.length < 2) continue;
      const names = users.slice(0, MOST_METHODS).map(({ method }) => method);
      const more = users.length > MOST_METHODS ? [`${users.length - MOST_METHODS} more`] : [];
      const methods = [...names, ...more].join(' and ');
      const message = `${methods} have the same lock key "${key}": only one of them runs at a time`;
      if (this.scope.strictKeys) throw new Error(message);
      this.#logger.warn(message);
    }
  }
}
