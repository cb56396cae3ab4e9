import type { Clock } from '../../clock.js';
import { LockEvents } from '../../api/lock-events.js';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';
import { ExtensionRounds } from '../lease/extension-round.js';
import type { LeaseScheduler } from '../lease/lease-scheduler.js';
import type { Quorum } from '../quorum/quorum.js';
import { DatabaseFallback } from './database-fallback.js';
import type { Fallback } from './fallback.js';
import { MemoryFallback } from './memory-fallback.js';

export interface FallbackContext {
  readonly options: ResolvedManagerOptions;
  readonly clock: Clock;
  readonly scheduler: LeaseScheduler;
  readonly quorum: Quorum;
  /** A quorum of one node, in memory or a database; `undefined`: there is no fallback. */
  readonly fallbackQuorum: Quorum | undefined;
  readonly onFallback: (active: boolean, reason: string) => void;
}

/** The fallback of the options; `undefined`: there is none. */
export function openFallback(context: FallbackContext): Fallback | undefined {
  const { fallbackQuorum, quorum, clock, scheduler, onFallback: onChange, options } = context;
  if (fallbackQuorum === undefined) return undefined;
  const isInMemory = fallbackQuorum.nodes.every(({ scope }) => scope === 'process');
  if (isInMemory) return new MemoryFallback(quorum, fallbackQuorum, onChange);
  const { driftFactor, warn } = options;
  // The record of a lease is part of it, and has no events of its own.
  const rounds = new ExtensionRounds(driftFactor);
  const events = new LockEvents(warn);
  const keys = { clock, scheduler, driftFactor, events, guard: undefined, rounds };
  return new DatabaseFallback(quorum, fallbackQuorum, { keys, onChange, warn });
}
