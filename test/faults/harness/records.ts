/**
 * What workers, the store, the observer and the schedule write down. Every instant (`at`) is milliseconds on CLOCK_MONOTONIC,
 * which all processes of one machine share, so that the records of different processes can be compared.
 */

/** Milliseconds on the clock of all records. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What a worker tells about itself; `lease` names one call of acquire and what came of it, unique in the run. */
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
  | { readonly type: 'acquired'; readonly at: number; readonly lease: string; readonly token?: number }
  | { readonly type: 'refused'; readonly at: number; readonly lease: string; readonly reason: string }
  /** An extension was seen to succeed: the keys were set to the TTL at this instant or before. */
  | { readonly type: 'extended'; readonly at: number; readonly lease: string }
  /** The holder was told that it lost the lease: it believes so from here on. */
  | { readonly type: 'lost'; readonly at: number; readonly lease: string; readonly reason: string }
  /** The holder called release: it no longer believes to hold from here on. */
  | { readonly type: 'release'; readonly at: number; readonly lease: string }
  | { readonly type: 'released'; readonly at: number; readonly lease: string; readonly error?: string }
  | { readonly type: 'write'; readonly at: number; readonly lease: string; readonly token?: number }
  /** The process did not run in between: it was stopped, blocked, or not scheduled. */
  | { readonly type: 'stall'; readonly at: number; readonly from: number }
  /** A scheduled run: `ran` once for each worker that ran it. */
  | { readonly type: 'tick'; readonly at: number; readonly tick: number; readonly outcome: string }
  /** What the library said of itself, for whoever reads the records. */
  | { readonly type: 'note'; readonly at: number; readonly text: string }
  /** Something that must not reach the program: an uncaught error, an unhandled rejection. */
  | { readonly type: 'crash'; readonly at: number; readonly message: string };

/** What the run itself writes down. */
export type RunRecord =
  | (WorkerRecord & { readonly worker: string })
  /** The store's word on a write. */
  | {
      readonly type: 'stored';
      readonly at: number;
      readonly worker: string;
      readonly lease: string;
      readonly resource: string;
      readonly accepted: boolean;
    }
  /** The process has ended: it believes nothing any more. */
  | { readonly type: 'killed'; readonly at: number; readonly worker: string }
  /** From here to `until` the worker, the node, or the way between them was not well. */
  | {
      readonly type: 'fault';
      readonly at: number;
      readonly until: number;
      readonly kind: string;
      readonly node?: number;
      readonly worker?: string;
    }
  /** A key that the observer has seen twice on a node, with the same value. */
  | {
      readonly type: 'key';
      readonly at: number;
      readonly firstAt: number;
      readonly node: number;
      readonly resource: string;
      /** Who owns it, as far as the value tells. */
      readonly worker: string;
      readonly value: string;
    };
