/**
 * Every metric, by its full name. The names and labels are part of the public interface: dashboards and alerts of users
 * go by them. A label `lock` is a lock's declared name, never a resource, so that its values stay few.
 */
export const METRICS = {
  acquired: 'quorlock_acquired_total',
  skipped: 'quorlock_skipped_total',
  failed: 'quorlock_failed_total',
  expired: 'quorlock_expired_total',
  released: 'quorlock_released_total',
  extensions: 'quorlock_extensions_total',
  acquireDuration: 'quorlock_acquire_duration_seconds',
  waitDuration: 'quorlock_wait_duration_seconds',
  holdDuration: 'quorlock_hold_duration_seconds',
  leasesHeld: 'quorlock_leases_held',
  waiters: 'quorlock_waiters',
  lastRun: 'quorlock_last_run_timestamp_seconds',
  votes: 'quorlock_votes_total',
  nodeState: 'quorlock_node_state',
  loopDelay: 'quorlock_event_loop_delay_seconds',
  fallbackActive: 'quorlock_fallback_active',
} as const;

/** The names of all metrics that `lockMetrics` registers. */
export const METRIC_NAMES: readonly string[] = Object.freeze(Object.values(METRICS));
