import type { HealthVerdict } from '../core/health.js';

/** What `LockManager.health()` tells. `reason` has no addresses: `nodes()` has them. */
export interface Health extends HealthVerdict {
  /** How many nodes are ready, and vote under the list of nodes of this process. */
  readonly ready: number;
  /** How many have to be ready so that anything can be locked. */
  readonly needed: number;
  /** How many there are. */
  readonly nodes: number;
  /** How many ready nodes may still fail before nothing can be locked; negative: that many are missing. */
  readonly margin: number;
}
