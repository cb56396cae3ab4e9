import type { AttemptResult } from '../acquire/attempt.js';
import type { HeldKeys, LeaseReleaseTerms } from '../lease/held-keys.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';

/** Makes one attempt on these nodes. `asRun: false`: not for the run of a tick, but for the keys alone. */
export type AttemptOn = (quorum: Quorum, how?: { readonly asRun: boolean }) => Promise<AttemptResult>;

/** Where locks are taken while no majority of the nodes answers. */
export interface Fallback {
  /** Makes an attempt on the nodes, and on the fallback where that is needed. */
  attempt(resources: readonly string[], attemptOn: AttemptOn): Promise<AttemptResult>;
  /** The keys of an attempt are held from now on. */
  began?(keys: HeldKeys): void;
  /**
   * The keys are not held any more. A promise: the keys on the nodes must not be released before it resolves.
   * It never rejects.
   */
  ended(tracker: KeyTracker, terms?: LeaseReleaseTerms): Promise<unknown> | undefined;
  /**
   * The lease was lost, and its keys are left to expire: its holder needs the rest of their time to stop. It
   * may still release them: then `ended` follows.
   */
  lost(keys: HeldKeys): void;
  close?(): void;
}
