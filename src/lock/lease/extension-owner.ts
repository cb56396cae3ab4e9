import type { Clock } from '../../clock.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import type { ExtensionRounds } from './extension-round.js';
import type { LeaseListener } from './lease-listener.js';
import type { LeaseScheduler } from './lease-scheduler.js';

/** What the extensions of a manager have in common. */
export interface ExtensionContext {
  readonly clock: Clock;
  readonly events: LockEvents;
  readonly scheduler: LeaseScheduler;
  readonly driftFactor: number;
  readonly rounds: ExtensionRounds;
}

/** The owner of the keys that are extended. */
export interface ExtensionOwner {
  readonly context: ExtensionContext;
  readonly quorum: Quorum;
  readonly tracker: KeyTracker;
  /** `undefined` once the keys are held for nobody: then answers that arrive mean nothing any more. */
  readonly lease: LeaseListener | undefined;
  /** An extension is over, or due earlier: there is something else to wait for. */
  reschedule(): void;
}
