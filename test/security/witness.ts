import { jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { LockManager, type LockManagerOptions } from '../../src/index.js';
import { lockMetrics } from '../../src/prometheus/index.js';
import { shownBy } from '../support/shown.js';

const LEVELS = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

/** Writes down all that anybody could read: warnings, events, metrics, errors, consoles, and the objects themselves. */
export class Witness implements AsyncDisposable {
  readonly #register = new Registry();
  readonly #managers: LockManager[] = [];
  readonly #heard: string[] = [];
  readonly #spies = LEVELS.map((level) =>
    jest.spyOn(console, level).mockImplementation((...said: unknown[]) => this.note(...said)),
  );
  readonly #onWarning = (warning: Error): void => this.note(warning);

  constructor() {
    process.on('warning', this.#onWarning);
  }

  note(...said: readonly unknown[]): void {
    this.#heard.push(...said.map(shownBy));
  }

  make(options: LockManagerOptions): LockManager {
    // What is no object of options stays what it is: it is a mistake that must be named.
    const isList = typeof options !== 'object' || Array.isArray(options);
    const locks = new LockManager(isList ? options : { warn: (message) => this.note(message), ...options });
    this.#managers.push(locks);
    locks.subscribe((event) => this.note(event));
    locks.subscribe(lockMetrics({ register: this.#register }));
    return locks;
  }

  /** Tries everything that a manager can do, on nodes that may do nothing of it. */
  async tryAll(locks: LockManager): Promise<void> {
    const resource = `job-${this.#heard.length}`;
    const terms = { ttlMs: 1_000 };
    for (const attempt of [
      async () => this.note(await locks.inspect(resource)),
      async () => this.note(await locks.tryAcquire(resource, terms)),
      async () => this.note(await locks.withLock([resource, 'other'], terms, () => undefined)),
      async () => {
        const lease = await locks.acquire('third', terms);
        this.note(lease);
        await lease.extend();
        await lease.release();
        await lease.extend();
      },
      ...locks.nodes().map(
        ({ name }) =>
          () =>
            locks.trustNode(name),
      ),
      () => locks.trustNode('nobody'),
    ]) {
      await attempt().catch((error: unknown) => this.note(error));
    }
    this.note(locks, locks.nodes());
  }

  async everything(): Promise<string> {
    this.note(...this.#managers, ...this.#managers.map((locks) => locks.nodes()));
    return [...this.#heard, await this.#register.metrics()].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#managers.map((locks) => locks.close()));
    process.off('warning', this.#onWarning);
    for (const spy of this.#spies) spy.mockRestore();
  }
}
