import type { AdapterOptions } from './adapter.js';
import type { WorkerRecord } from './records.js';

/** A resource that several workers try to lock. */
export interface Contended {
  readonly name: string;
  readonly ttlMs: number;
}

/** The configuration of a worker, passed as JSON in its first argument. */
export interface WorkerConfig {
  /** The URL of the adapter's module. */
  readonly adapter: string;
  readonly options: AdapterOptions;
  /** Unique in the run. The name of each lease begins with it. */
  readonly name: string;
  /** The worker locks these in a loop. If empty, it only executes commands. */
  readonly resources: readonly Contended[];
  readonly seed: number;
  /** The worker runs a scheduled job every `tickMs` milliseconds; 0 means no job. */
  readonly tickMs: number;
  readonly tickTtlMs: number;
}

export type WorkerCommand =
  | {
      readonly do: 'acquire';
      readonly lease: string;
      readonly resource: string;
      readonly ttlMs: number;
      readonly waitMs: number;
      readonly tick?: number;
      /**
       * Starts at this instant of the records' clock, precise to less than a millisecond; at once if it is
       * past.
       */
      readonly at?: number;
      /**
       * The worker writes at this interval while it believes that it holds the lock; by default it never
       * writes.
       */
      readonly writeEveryMs?: number;
    }
  /** Acquires repeatedly until it has the lock. Each call is a lease of its own. */
  | {
      readonly do: 'contend';
      readonly lease: string;
      readonly resource: string;
      readonly ttlMs: number;
      readonly writeEveryMs?: number;
    }
  | { readonly do: 'release'; readonly lease: string }
  | { readonly do: 'write'; readonly lease: string }
  /** Blocks the event loop. */
  | { readonly do: 'block'; readonly forMs: number }
  /** Ends the loops, releases, and reports `idle`. */
  | { readonly do: 'finish' }
  /** Closes the library's connections and exits. */
  | { readonly do: 'exit' };

export type WorkerMessage = WorkerRecord | { readonly type: 'idle'; readonly at: number };

/** Tells that the worker's event loop turns. It comes every 25 ms, and is no record. */
export interface SignOfLife {
  readonly type: 'runs';
  readonly at: number;
}
