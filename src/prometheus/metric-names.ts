/**
 * The full name of every metric. Names and labels are part of the public interface, because users' dashboards
 * and alerts contain them. The label `lock` is a lock's name, never a resource, so it has few values.
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
  leader: 'quorlock_leader',
  runs: 'quorlock_runs_total',
  runDuration: 'quorlock_run_duration_seconds',
  tickLateness: 'quorlock_tick_lateness_seconds',
  lastSuccess: 'quorlock_last_success_timestamp_seconds',
  nextTick: 'quorlock_next_tick_timestamp_seconds',
  ticksMissed: 'quorlock_ticks_missed_total',
  ticksAbandoned: 'quorlock_ticks_abandoned_total',
  runOverruns: 'quorlock_run_overruns_total',
  votes: 'quorlock_votes_total',
  nodeState: 'quorlock_node_state',
  loopDelay: 'quorlock_event_loop_delay_seconds',
  fallbackActive: 'quorlock_fallback_active',
  forceReleases: 'quorlock_force_releases_total',
} as const;

/** The full names of all metrics that `lockMetrics()` registers. */
export const METRIC_NAMES: readonly string[] = Object.freeze(Object.values(METRICS));
