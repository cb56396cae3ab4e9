import type { AdapterOptions } from './adapter.js';
import type { WorkerRecord } from './records.js';

/** A resource that workers contend for. */
export interface Contended {
  readonly name: string;
  readonly ttlMs: number;
}

/** What a worker is started with, as JSON in its first argument. */
export interface WorkerConfig {
  /** The url of the adapter's module. */
  readonly adapter: string;
  readonly options: AdapterOptions;
  /** Unique in the run, and put before the name of each lease. */
  readonly name: string;
  /** Loop over these by itself; empty: only do what it is told. */
  readonly resources: readonly Contended[];
  readonly seed: number;
  /** Run a scheduled job each so many milliseconds; 0: none. */
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
      /** At this instant of the records' clock, to the fraction of a millisecond; at once where it is past. */
      readonly at?: number;
      /** Write so often for as long as it believes to hold; none by default. */
      readonly writeEveryMs?: number;
    }
  /** Acquires over and over until it has the lock; each call is a lease of its own. */
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
  /** Ends the loops, releases, and says `idle`. */
  | { readonly do: 'finish' }
  /** Closes the library's connections and exits. */
  | { readonly do: 'exit' };

export type WorkerMessage = WorkerRecord | { readonly type: 'idle'; readonly at: number };
