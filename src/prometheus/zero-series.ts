import type { Histogram } from 'prom-client';
import {
  ABANDONED_REASONS,
  ACQUIRE_OUTCOMES,
  EXTENSION_OUTCOMES,
  FAILURE_REASONS,
  LOSS_REASONS,
  MISSED_REASONS,
  NODE_STATES,
  RUN_OUTCOMES,
  SKIP_REASONS,
  VOTES,
} from './label-values.js';
import type { MetricSet } from './metric-set.js';

/**
 * The locks that a histogram has series for. `Histogram.zero` would reset a series; `inc(labels, 0)` does
 * not.
 */
const zeroed = new WeakMap<Histogram<'lock' | 'outcome'>, Set<string>>();

/**
 * Creates all series of a lock at zero. Without that, a series would begin at its first event, and `rate()`
 * and `increase()` would not see the event: they need the zero before it. A dashboard needs it too, to tell
 * "never" from "unknown".
 */
export function zeroLock(metrics: MetricSet, lock: string): void {
  metrics.acquired.inc({ lock }, 0);
  metrics.released.inc({ lock }, 0);
  metrics.leasesHeld.inc({ lock }, 0);
  metrics.waiters.inc({ lock }, 0);
  metrics.lastRun.inc({ lock }, 0);
  for (const reason of SKIP_REASONS) metrics.skipped.inc({ lock, reason }, 0);
  for (const reason of FAILURE_REASONS) metrics.failed.inc({ lock, reason }, 0);
  for (const reason of LOSS_REASONS) metrics.expired.inc({ lock, reason }, 0);
  for (const outcome of EXTENSION_OUTCOMES) metrics.extensions.inc({ lock, outcome }, 0);

  if (!isFirst(metrics.acquireDuration, lock)) return;
  for (const outcome of ACQUIRE_OUTCOMES) metrics.acquireDuration.zero({ lock, outcome });
  metrics.waitDuration.zero({ lock });
  metrics.holdDuration.zero({ lock });
}

/** Creates the series that only a scheduled job has, at zero. Its instants begin when they are known. */
export function zeroJob(metrics: MetricSet, lock: string): void {
  metrics.runOverruns.inc({ lock }, 0);
  for (const outcome of RUN_OUTCOMES) metrics.runs.inc({ lock, outcome }, 0);
  for (const reason of MISSED_REASONS) metrics.ticksMissed.inc({ lock, reason }, 0);
  for (const reason of ABANDONED_REASONS) metrics.ticksAbandoned.inc({ lock, reason }, 0);
  if (!isFirst(metrics.runDuration, lock)) return;
  for (const outcome of RUN_OUTCOMES) metrics.runDuration.zero({ lock, outcome });
  metrics.tickLateness.zero({ lock });
}

function isFirst(histogram: Histogram<'lock' | 'outcome'>, lock: string): boolean {
  const known = zeroed.get(histogram) ?? new Set();
  zeroed.set(histogram, known);
  if (known.has(lock)) return false;
  known.add(lock);
  return true;
}

/** Creates all series of a node at zero. */
export function zeroNode(metrics: MetricSet, node: string): void {
  for (const state of NODE_STATES) metrics.nodeState.inc({ node, state }, 0);
  for (const vote of VOTES) metrics.votes.inc({ node, vote }, 0);
}
