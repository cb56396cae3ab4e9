import type { RunRecord } from '../core/run.js';

/** What the nodes say of a resource, without acquiring it. It may be out of date when it arrives. */
export interface Inspection {
  readonly resource: string;
  /** `held`: one owner has a majority. `free`: a majority has no owner. `split`: neither. */
  readonly status: 'held' | 'free' | 'split';
  /** The holder's name. `undefined` if nobody holds the resource, or if the holder uses another library. */
  readonly holder: string | undefined;
  /**
   * How long the holder's keys live on a majority unless they are extended, in milliseconds; 0 if nobody
   * holds it.
   */
  readonly remainingMs: number;
  /**
   * The highest fencing counter on any node. It may be above every token given out: an acquisition that is
   * not won counts too, and a process whose calls wait in line reserves tokens that it may not use. So do not
   * compare a token with it.
   */
  readonly counter: number | undefined;
  /** The latest tick on record, in epoch milliseconds, unless it is open. */
  readonly lastTick: number | undefined;
  /**
   * What is on record of the latest tick: `started`, and not recorded as ended; `finished`; or `open`, when a
   * worker took its start back before its run began. Finished is what any node has on record as finished.
   */
  readonly lastRun: RunRecord | undefined;
  /**
   * When a run last succeeded, in epoch milliseconds of its worker's clock. Only runs tell it, see `runOnce`:
   * not leases with a tick. `undefined`: not within the last seven days, as far as the nodes know.
   */
  readonly lastSuccess: number | undefined;
  /** What each node said; the fields are `undefined` if the node did not answer. */
  readonly nodes: readonly {
    readonly node: string;
    readonly holder: string | undefined;
    readonly remainingMs: number | undefined;
  }[];
}
