import type { AttemptResult } from '../acquire/attempt.js';
import type { HeldKeys, LeaseReleaseTerms } from '../lease/held-keys.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';

/** Makes one attempt on these nodes. */
export type AttemptOn = (quorum: Quorum) => Promise<AttemptResult>;

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
}
