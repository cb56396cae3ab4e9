import { driftMsOf, type Grant, type Stamp } from '../../core/validity.js';
import type { Quorum } from '../quorum/quorum.js';
import type { SharedTerms } from '../quorum/shared-terms.js';

/** What a majority grants that is asked at this instant. */
export const grantOf = (sentAt: Stamp, ttlMs: number, driftFactor: number): Grant => ({
  sentAt,
  ttlMs,
  driftMs: driftMsOf(ttlMs, driftFactor),
});

/**
 * What extensions have in common that begin together with the same terms: the instant, the deadline, and the
 * grant that each lease gets whose own votes are enough. Validity counts from before the first request was
 * sent. Each lease has votes of its own: that one is refused, or late, says nothing of the others.
 */
export interface ExtensionRound {
  readonly quorum: Quorum;
  readonly shared: SharedTerms;
  readonly grant: Grant;
  readonly nodeTimeoutMs: number;
}

/** Extensions that begin one right after the other, with the same terms, are of the same round. */
export class ExtensionRounds {
  #last: ExtensionRound | undefined;

  constructor(private readonly driftFactor: number) {}

  /** The round of an extension that begins at this instant. The same object is the same instant. */
  roundAt(quorum: Quorum, sentAt: Stamp, ttlMs: number, nodeTimeoutMs: number): ExtensionRound {
    const last = this.#last;
    const isOfLast =
      last !== undefined &&
      last.grant.sentAt === sentAt &&
      last.grant.ttlMs === ttlMs &&
      last.nodeTimeoutMs === nodeTimeoutMs &&
      last.quorum === quorum;
    if (isOfLast) return last;
    const shared = quorum.sharedExtension(sentAt.monotonicMs, nodeTimeoutMs);
    const grant = grantOf(sentAt, ttlMs, this.driftFactor);
    return (this.#last = { quorum, shared, grant, nodeTimeoutMs });
  }
}
