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
  readonly fallback: Quorum | undefined;
  readonly onFallback: (active: boolean, reason: string) => void;
}

/** The fallback of the options; `undefined`: there is none. */
export function openFallback(context: FallbackContext): Fallback | undefined {
  const { fallback, quorum, clock, scheduler, onFallback: onChange, options } = context;
  if (fallback === undefined) return undefined;
  const isInMemory = fallback.nodes.every(({ scope }) => scope === 'process');
  if (isInMemory) return new MemoryFallback(quorum, fallback, onChange);
  const { driftFactor, warn } = options;
  // The record of a lease is part of it, and has no events of its own.
  const rounds = new ExtensionRounds(driftFactor);
  const events = new LockEvents(warn);
  const keys = { clock, scheduler, driftFactor, events, guard: undefined, rounds };
  return new DatabaseFallback(quorum, fallback, { keys, onChange, warn });
}
