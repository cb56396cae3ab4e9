import { jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { LockManager, type LockManagerOptions } from '../../src/index.js';
import { lockMetrics } from '../../src/prometheus/index.js';
import { shownBy } from '../support/shown.js';

const LEVELS = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

/**
 * Records everything that a user could read: warnings, events, metrics, errors, console output, and the
 * objects themselves.
 */
export class OutputRecorder implements AsyncDisposable {
  readonly #register = new Registry();
  readonly #managers: LockManager[] = [];
  readonly #outputs: string[] = [];
  readonly #spies = LEVELS.map((level) =>
    jest.spyOn(console, level).mockImplementation((...values: unknown[]) => this.note(...values)),
  );
  readonly #onWarning = (warning: Error): void => this.note(warning);

  constructor() {
    process.on('warning', this.#onWarning);
  }

  note(...values: readonly unknown[]): void {
    this.#outputs.push(...values.map(shownBy));
  }

  make(options: LockManagerOptions): LockManager {
    // A value that is no options object is passed on unchanged: the error must name that mistake.
    const isList = typeof options !== 'object' || Array.isArray(options);
    const locks = new LockManager(isList ? options : { warn: (message) => this.note(message), ...options });
    this.#managers.push(locks);
    locks.subscribe((event) => this.note(event));
    locks.subscribe(lockMetrics({ register: this.#register }));
    return locks;
  }

  /** Tries every operation of a manager, on nodes that may refuse all of them. */
  async tryAll(locks: LockManager): Promise<void> {
    const resource = `job-${this.#outputs.length}`;
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
      () => locks.forceRelease(resource, { reason: 'a test' }),
    ]) {
      await attempt().catch((error: unknown) => this.note(error));
    }
    this.note(locks, locks.nodes());
  }

  async everything(): Promise<string> {
    this.note(...this.#managers, ...this.#managers.map((locks) => locks.nodes()));
    return [...this.#outputs, await this.#register.metrics()].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#managers.map((locks) => locks.close()));
    process.off('warning', this.#onWarning);
    for (const spy of this.#spies) spy.mockRestore();
  }
}
