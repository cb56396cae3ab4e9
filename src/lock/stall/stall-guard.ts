import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { originOf, type Clock, type Timer } from '../../clock.js';
import { beatMs } from '../../core/extension-schedule.js';
import type { NodeSource } from '../../node/node-options.js';
import { folder } from './folder.cjs';
import type { ResolvedManagerOptions } from '../../api/options.js';
import { Heartbeat, SharedLease } from './shared-lease.js';
import type { RemoteLeaseTerms } from './stall-extender.js';

/** What the worker thread starts from. */
export interface StallWorkerData {
  readonly sources: readonly NodeSource[];
  readonly options: Omit<ResolvedManagerOptions, 'warn'>;
  readonly origin: bigint;
  readonly heartbeat: SharedArrayBuffer;
}

export type StallMessage =
  | { readonly begun: number; readonly terms: RemoteLeaseTerms; readonly memory: SharedArrayBuffer }
  | { readonly ended: number };

/** A lease's side of its stand-in. */
export interface StandIn extends Pick<SharedLease, 'hold' | 'extendedAt'> {
  /** Nobody stands in for it any more. */
  end(): void;
}

/** The thread that stands in, as far as it is used here; a test brings its own. */
export interface StallThread {
  postMessage(message: StallMessage, transfer: readonly []): void;
  on(event: 'error' | 'exit', listener: (reason: unknown) => void): unknown;
  unref(): void;
  terminate(): Promise<unknown>;
}

const startThread = (workerData: StallWorkerData): StallThread =>
  new Worker(join(folder, 'stall-worker.js'), { workerData });

/**
 * Keeps leases while the event loop of this thread is blocked: a worker thread, with connections of its own, extends them as
 * long as this thread has not run for less than `maxStallMs`. Started with the first lease; it keeps no process alive, and if
 * it dies everything goes on as without it.
 */
export class StallGuard {
  readonly #heartbeat = new Heartbeat();
  readonly #data: StallWorkerData;
  readonly #warn: (message: string) => void;
  #thread: StallThread | undefined;
  #isOver = false;
  #begun = 0;
  #kept = 0;
  #shortestTtlMs = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;

  /** Throws a TypeError where a node cannot be made again in another thread. */
  constructor(
    sources: readonly NodeSource[],
    { warn, ...options }: ResolvedManagerOptions,
    private readonly clock: Clock,
    private readonly start: (data: StallWorkerData) => StallThread = startThread,
  ) {
    sources.forEach(assertPortable);
    this.#warn = warn;
    this.#data = { sources, options, origin: originOf(clock), heartbeat: this.#heartbeat.memory };
  }

  /** From now on the lease is extended while this thread is blocked. */
  begin(terms: RemoteLeaseTerms, validUntil: number, maxCounter: number | undefined): StandIn | undefined {
    if (this.#isOver) return undefined;
    const shared = new SharedLease();
    shared.hold(validUntil, maxCounter);
    this.#kept++;
    this.#shortestTtlMs = Math.min(this.#shortestTtlMs, terms.ttlMs);
    this.#beat();
    this.#thread ??= this.#begin();
    const begun = ++this.#begun;
    this.#thread.postMessage({ begun, terms, memory: shared.memory }, []);
    let isHeld = true;
    const end = (): void => {
      isHeld = false;
      // First of all, and at once: the message arrives later.
      shared.end();
      if (--this.#kept === 0) this.#timer?.cancel();
      this.#thread?.postMessage({ ended: begun }, []);
    };
    return {
      end,
      hold: (until, counter) => (isHeld ? shared.hold(until, counter) : undefined),
      get extendedAt() {
        return shared.extendedAt;
      },
    };
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#timer?.cancel();
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  #begin(): StallThread {
    const thread = this.start(this.#data);
    thread.unref();
    thread.on('error', (error) => this.#died(error instanceof Error ? error.message : String(error)));
    thread.on('exit', (code) => this.#died(`it ended with code ${String(code)}`));
    return thread;
  }

  #died(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#thread = undefined;
    this.#warn(
      `maxStallMs has no effect any more, the thread that extends leases in place of a blocked one has died: ${why}`,
    );
  }

  #beat(): void {
    this.#timer?.cancel();
    this.#heartbeat.beat(this.clock.now());
    this.#timer = this.clock.setTimer(() => this.#beat(), beatMs(this.#shortestTtlMs), 'background');
  }
}

function assertPortable(source: unknown, index: number): void {
  if (isPlain(source)) return;
  throw new TypeError(
    `nodes[${index}] cannot be made again in another thread, which maxStallMs needs: give a url, or ioredis options ` +
      'without functions and class instances, and no client or memoryNode()',
  );
}

/** Whether it is the same on the other side of a thread's boundary. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}
