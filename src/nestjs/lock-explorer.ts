import { Logger } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { cronSchedule, type TickOf } from './cron-schedule.js';
import { handlerLockOf } from './locked-handler.js';
import { keyOf, type LockRunner } from './lock-runner.js';
import { bind, lockedMethodsOf, methodName, type LockedMethod } from './locked-method.js';
import { cronMetadataOf, isScheduled } from './nest-metadata.js';

/** As much of Nest's `InstanceWrapper` as is needed, which it does not export. */
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** What one module instance looks after. */
export interface ModuleScope {
  readonly name: string;
  readonly runner: LockRunner;
  readonly maxTtlMs: number | undefined;
  readonly strictKeys: boolean;
}

/** Who has a key. Two classes may have the same name, and then by default the same keys. */
interface KeyHolder {
  readonly owner: unknown;
  readonly method: string;
}

/**
 * Goes through all providers and controllers when the application starts: plans their locked methods, gives the lock service
 * to instances that Nest did not construct, and says what is wrong while somebody is watching.
 */
export class LockExplorer {
  readonly #logger = new Logger('DistributedLock');
  readonly #holders = new Map<string, KeyHolder[]>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly scope: ModuleScope,
  ) {}

  async explore(): Promise<void> {
    const explored = new Set<object>();
    for (const wrapper of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const instance: unknown = wrapper.instance;
      // `null` prototypes, functions and plain values are legal providers; none of them has decorated methods.
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
      // Of a request-scoped provider this is a bare object; its instances are injected when they are made.
      if (wrapper.isDependencyTreeStatic()) bind(instance, name, runner);
      if (isNew) await this.#plan(wrapper, instance, locked);
    }
  }

  async #plan(wrapper: Wrapper, instance: object, locked: LockedMethod): Promise<void> {
    const { runner } = this.scope;
    const method = methodName(instance, locked.property);
    const found = (instance as Record<string | symbol, unknown>)[locked.property];
    this.#assertFits(method, locked);
    if (isScheduled(locked.wrapper) || isScheduled(found)) this.#warnOfScope(method, wrapper);
    const { name } = runner.plan(instance, locked, found, await this.#tickOf(method, locked, found));
    runner.locks.declare(name);
    if (typeof locked.key === 'function') return;
    const key = keyOf(instance, locked);
    const holders = this.#holders.get(key) ?? [];
    // A method that overrides a locked one and calls it has the key once: the inner call runs under the outer's lease.
    if (holders.some((other) => other.owner === instance.constructor && other.method === method)) return;
    this.#holders.set(key, [...holders, { owner: instance.constructor, method }]);
  }

  #warnOfScope(method: string, wrapper: Wrapper): void {
    if (!wrapper.isDependencyTreeStatic()) {
      this.#logger.warn(
        `${method} never runs: its provider is request-scoped, and Nest does not schedule those`,
      );
    } else if (wrapper.isTransient) {
      this.#logger.warn(`${method} runs on an object whose constructor never ran: its provider is transient`);
    }
  }

  async #tickOf(method: string, locked: LockedMethod, found: unknown): Promise<TickOf | undefined> {
    if (locked.once === false) return undefined;
    const cron = cronMetadataOf(locked.wrapper) ?? cronMetadataOf(found);
    if (cron !== undefined) return cronSchedule(cron, method);
    if (locked.once === undefined) return undefined;
    throw new Error(
      `${method}: once: 'tick' needs @Cron; @Interval and @Timeout have no instant in common, take minHold`,
    );
  }

  #exploreHandlers(prototype: object): void {
    const { name, runner } = this.scope;
    for (const property of this.scanner.getAllMethodNames(prototype)) {
      const lock = handlerLockOf((prototype as Record<string, unknown>)[property]);
      if (lock === undefined || lock.locks !== name) continue;
      this.#assertFits(methodName(prototype, property), lock);
      runner.locks.declare(lock.labelFor(prototype, property));
    }
  }

  #assertFits(method: string, { normalizedOptions }: Pick<LockedMethod, 'normalizedOptions'>): void {
    const { runner, maxTtlMs } = this.scope;
    const ttlMs = runner.ttlMsOf(normalizedOptions);
    if (maxTtlMs !== undefined && ttlMs > maxTtlMs) {
      throw new RangeError(
        `${method}: ttl (${ttlMs / 1_000} s) must not be above the module's maxTtlMs (${maxTtlMs} ms)`,
      );
    }
    runner.assertFits(method, normalizedOptions);
  }

  #reportDuplicates(): void {
    for (const [key, holders] of this.#holders) {
      if (holders.length < 2) continue;
      const methods = holders.map(({ method }) => method).join(' and ');
      const message = `${methods} have the same lock key "${key}", so that none of them runs while another does`;
      if (this.scope.strictKeys) throw new Error(message);
      this.#logger.warn(message);
    }
  }
}
