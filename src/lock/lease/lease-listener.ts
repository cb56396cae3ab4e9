import type { LossReason } from '../../core/lease-state.js';
import type { ResolvedAcquireOptions } from '../../api/options.js';

/** The lease that keys are held for. */
export interface LeaseListener {
  /** The number of its acquire call, which its events carry. */
  readonly id: number;
  readonly terms: ResolvedAcquireOptions;
  /** When it began, on the monotonic clock. */
  readonly heldSince: number;
  /** Whether it excludes this process only. */
  readonly fallback: boolean;
  /** Its keys cannot be held any longer. */
  lose(reason: LossReason): void;
}
