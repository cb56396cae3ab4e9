/**
 * The records of the workers, the store, the observer and the schedule. Every instant (`at`) is in
 * milliseconds of CLOCK_MONOTONIC. All processes of a machine share that clock, so records of different
 * processes can be compared.
 */

/** The current instant on the clock of all records, in milliseconds. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * A record that a worker makes. `lease` names one call of acquire and its result; it is unique in the run.
 */
export type WorkerRecord =
  | { readonly type: 'ready'; readonly at: number }
  | {
      readonly type: 'acquire';
      readonly at: number;
      readonly lease: string;
      readonly resource: string;
      /** How long the call may wait by its options. */
      readonly waitMs: number;
      readonly ttlMs: number;
    }
  | {
      readonly type: 'acquired';
      readonly at: number;
      readonly lease: string;
      readonly token?: number;
      /** It was taken in the fallback. */
      readonly fallback?: boolean;
    }
  | { readonly type: 'refused'; readonly at: number; readonly lease: string; readonly reason: string }
  /** An extension succeeded: the keys were set to the TTL at this instant or before. */
  | { readonly type: 'extended'; readonly at: number; readonly lease: string }
  /** The holder learned that the lease is lost. It no longer believes that it holds the lock. */
  | { readonly type: 'lost'; readonly at: number; readonly lease: string; readonly reason: string }
  /** The holder called release. It no longer believes that it holds the lock. */
  | { readonly type: 'release'; readonly at: number; readonly lease: string }
  | { readonly type: 'released'; readonly at: number; readonly lease: string; readonly error?: string }
  | { readonly type: 'write'; readonly at: number; readonly lease: string; readonly token?: number }
  /** The process did not run between `from` and `at`: it was stopped, blocked, or not scheduled. */
  | { readonly type: 'stall'; readonly at: number; readonly from: number }
  /** A scheduled run. Each worker that ran it reports `ran`. */
  | { readonly type: 'tick'; readonly at: number; readonly tick: number; readonly outcome: string }
  /** A message of the library, for the reader of the records. */
  | { readonly type: 'note'; readonly at: number; readonly text: string }
  /** An uncaught error or an unhandled rejection. */
  | { readonly type: 'crash'; readonly at: number; readonly message: string };

/** A record of the run. */
export type RunRecord =
  | (WorkerRecord & { readonly worker: string })
  /** The store's answer to a write. */
  | {
      readonly type: 'stored';
      readonly at: number;
      readonly worker: string;
      readonly lease: string;
      readonly resource: string;
      readonly accepted: boolean;
    }
  /** The process has ended. It no longer believes that it holds any lock. */
  | { readonly type: 'killed'; readonly at: number; readonly worker: string }
  /** From `at` to `until` the worker, the node, or the link between them was not healthy. */
  | {
      readonly type: 'fault';
      readonly at: number;
      readonly until: number;
      readonly kind: string;
      readonly node?: number;
      readonly worker?: string;
    }
  /** The observer saw this key twice on a node, with the same value. */
  | {
      readonly type: 'key';
      readonly at: number;
      readonly firstAt: number;
      readonly node: number;
      readonly resource: string;
      /** The owner, as far as the value tells. */
      readonly worker: string;
      readonly value: string;
    };
