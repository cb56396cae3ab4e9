import { extensionRetryMs, secondLookAt } from '../../core/extension-schedule.js';
import { takersIn } from '../../core/extension-votes.js';
import { shortfallOf, type Shortfall } from '../../core/outcome.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { NodeVote } from '../../api/errors.js';
import type { Quorum } from '../quorum/quorum.js';
import type { ExtendTerms } from '../quorum/terms.js';

/** What the last extension came to, if it failed. Most leases have none. */
export interface Setback {
  /** When the keys are extended again. */
  readonly dueAt: number;
  /** What the nodes said. */
  readonly votes: readonly NodeVote[];
  /** Why it had too few votes. */
  readonly shortfall: Shortfall;
  /** The owners that refused it, if no majority was left without them; see `takersIn`. */
  readonly takers: string | undefined;
  /**
   * Whether keys were set again after an extension that no majority granted, and no majority has granted one
   * since.
   */
  readonly isRestoredWithoutQuorum: boolean;
}

/** The setback of an extension that has failed now. `before`: the one of the extension before it. */
export function setbackOf(
  quorum: Quorum,
  tally: VoteTally,
  { ttlMs, token }: ExtendTerms,
  before: Setback | undefined,
): Setback {
  const now = quorum.clock.now();
  const takers = takersIn(quorum.withoutUntrusted(tally), tally.majority);
  const retryAt = now + extensionRetryMs(ttlMs);
  // A majority with other owners may be a claimant that only passes by: its round is lost, and released, if
  // some of its nodes have no vote.
  const isFirstLook = takers !== undefined && before?.takers === undefined;
  return {
    dueAt: isFirstLook ? Math.min(retryAt, secondLookAt(now)) : retryAt,
    votes: quorum.namedVotes(tally),
    shortfall: shortfallOf(tally.votes, tally.majority),
    takers,
    isRestoredWithoutQuorum:
      before?.isRestoredWithoutQuorum === true || (takers === undefined && token !== undefined),
  };
}

/** Whether the same owners have the keys at a second look: then they were taken for good. */
export const isTaken = (setback: Setback | undefined, before: Setback | undefined): boolean =>
  setback?.takers !== undefined && setback.takers === before?.takers;
