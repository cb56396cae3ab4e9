import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { originOf, type Clock, type Timer } from '../../clock.js';
import { beatMs } from '../../core/extension-schedule.js';
import type { Stamp } from '../../core/validity.js';
import type { NodeSource } from '../../node/node-options.js';
import { messageOf } from '../../api/callbacks.js';
import { folder } from './folder.cjs';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';
import type { LeaseGuard, RemoteLease, RemoteLeaseTerms } from '../lease/lease-guard.js';
import { Heartbeat, SharedLease } from './shared-lease.js';

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

/** The worker thread, as far as it is used here; a test brings its own. */
export interface StallThread {
  postMessage(message: StallMessage, transfer: readonly []): void;
  on(event: 'error' | 'exit', listener: (reason: unknown) => void): unknown;
  unref(): void;
  terminate(): Promise<unknown>;
}

export type StartThread = (data: StallWorkerData) => StallThread;

const startThread: StartThread = (workerData) => new Worker(join(folder, 'stall-worker.js'), { workerData });

/**
 * Extends leases while the event loop of this thread is blocked. A worker thread does it, with connections of
 * its own, as long as this thread has not run for less than `maxStallMs`. It is started with the first lease
 * and keeps no process alive. If it dies, everything goes on as without it.
 */
export class StallGuard implements LeaseGuard {
  readonly #heartbeat = new Heartbeat();
  readonly #data: StallWorkerData;
  readonly #warn: (message: string) => void;
  #thread: StallThread | undefined;
  #isOver = false;
  #lastId = 0;
  /** How many leases are guarded now. */
  #guarded = 0;
  #shortestTtlMs = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;

  /** Throws a TypeError if a node cannot be made again in another thread. */
  constructor(
    sources: readonly NodeSource[],
    { warn, ...options }: ResolvedManagerOptions,
    private readonly clock: Clock,
    private readonly start: StartThread = startThread,
  ) {
    if (start === startThread) sources.forEach(assertPortable);
    this.#warn = warn;
    this.#data = { sources, options, origin: originOf(clock), heartbeat: this.#heartbeat.memory };
  }

  begin(
    terms: RemoteLeaseTerms,
    validUntil: number,
    maxCounter: number | undefined,
  ): RemoteLease | undefined {
    if (this.#isOver) return undefined;
    const shared = new SharedLease();
    shared.hold(validUntil, maxCounter);
    this.#guarded++;
    this.#shortestTtlMs = Math.min(this.#shortestTtlMs, terms.ttlMs);
    this.#beat();
    this.#thread ??= this.#startThread();
    const id = ++this.#lastId;
    this.#thread.postMessage({ begun: id, terms, memory: shared.memory }, []);
    return new SharedRemoteLease(shared, () => this.#end(id));
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#timer?.cancel();
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  #end(id: number): void {
    if (--this.#guarded === 0) this.#timer?.cancel();
    this.#thread?.postMessage({ ended: id }, []);
  }

  #startThread(): StallThread {
    const thread = this.start(this.#data);
    thread.unref();
    thread.on('error', (error) => this.#onDeath(messageOf(error)));
    thread.on('exit', (code) => this.#onDeath(`it ended with code ${String(code)}`));
    return thread;
  }

  #onDeath(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#thread = undefined;
    this.#warn(
      'maxStallMs has no effect any more: the thread that extends leases while the event loop is blocked ' +
        `has died: ${reason}`,
    );
  }

  #beat(): void {
    this.#timer?.cancel();
    this.#heartbeat.beat(this.clock.now());
    this.#timer = this.clock.setTimer(() => this.#beat(), beatMs(this.#shortestTtlMs), 'background');
  }
}

class SharedRemoteLease implements RemoteLease {
  #isOver = false;

  constructor(
    private readonly shared: SharedLease,
    private readonly onEnd: () => void,
  ) {}

  get extendedAt(): Stamp | undefined {
    return this.shared.extendedAt;
  }

  hold(validUntil: number, maxCounter: number | undefined): void {
    if (!this.#isOver) this.shared.hold(validUntil, maxCounter);
  }

  end(): void {
    this.#isOver = true;
    // The shared memory first, because it acts at once; the message arrives later.
    this.shared.end();
    this.onEnd();
  }
}

function assertPortable(source: unknown, index: number): void {
  if (isPlain(source)) return;
  throw new TypeError(
    `nodes[${index}] cannot be made again in another thread, which maxStallMs needs: give a url, or ` +
      'ioredis options without functions and class instances, and no client or memoryNode()',
  );
}

/** Whether the value is the same after it was sent to another thread. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}
