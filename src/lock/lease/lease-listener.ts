import type { LossReason } from '../../core/lease-state.js';
import type { ResolvedAcquireOptions } from '../../api/resolved-options.js';

/** The lease that keys are held for. */
export interface LeaseListener {
  /** The number of its acquire call, which its events carry. */
  readonly id: number;
  readonly terms: Pick<
    ResolvedAcquireOptions,
    'name' | 'ttlMs' | 'nodeTimeoutMs' | 'autoExtend' | 'maxHoldMs'
  >;
  /** When it began, on the monotonic clock. */
  readonly heldSince: number;
  /**
   * Whether the keys are in the fallback, or in the memory of this process. No other thread extends them, and
   * neither does the return of a node.
   */
  readonly fallback: boolean;
  /** Its keys cannot be held any longer. `leaveKeys`: they are left to expire in any case. */
  lose(reason: LossReason, leaveKeys?: boolean): void;
}
