import { everywhere, NOT_READY } from './promql.js';

/** An alerting rule of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** How long the condition must hold before the alert fires: '0m' for events that one occurrence of is enough. */
  readonly for: string;
  /** critical: locks do not work now, wake somebody. warning: look at it in working hours. */
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  /** What it means, and what to do. */
  readonly description: string;
}

const increase = (by: string, selector: string, window: string): string =>
  `sum by (${by}) (increase(${selector}[${window}]))`;

const notReady = `sum by (job, instance) (${everywhere('nodeState', NOT_READY)})`;
const ready = `sum by (job, instance) (${everywhere('nodeState', 'state="ready"')})`;
const votes = (...matchers: readonly string[]): string =>
  `sum by (job, node) (rate(${everywhere('votes', ...matchers)}[5m]))`;

/**
 * `increase()` sees an event only where the series was scraped at zero before it. quorlock makes all series of a declared
 * lock at once, so that holds for every event that comes more than a scrape after the start of the process.
 */
export const ALERT_RULES: readonly AlertRule[] = [
  {
    alert: 'QuorlockNoQuorum',
    expr: `(${notReady} >= ${ready}) > 0`,
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.instance }} has no connection to a majority of the lock nodes',
    description:
      'It can acquire nothing and extend nothing: its jobs do not run, and the leases it holds expire. Bring the Redis nodes back, or the network between them and the process. The panel "Node states" shows which are missing.',
  },
  {
    alert: 'QuorlockNothingAcquired',
    expr: `${increase('job', everywhere('failed', 'reason="unreachable"'), '5m')} > 0 unless ${increase('job', everywhere('acquired'), '5m')} > 0`,
    for: '1m',
    severity: 'critical',
    summary: 'No process of {{ $labels.job }} could acquire any lock',
    description:
      'Attempts of the last five minutes failed because no majority of the nodes answered, and none succeeded. Where the nodes look ready they are connected but do not answer in time: see "Failed votes, by node", then the load and the memory of the Redis servers.',
  },
  {
    alert: 'QuorlockAttemptsUnreachable',
    expr: `${increase('job, lock', everywhere('failed', 'reason="unreachable"'), '10m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'Attempts to acquire {{ $labels.lock }} failed: no majority of the nodes answered',
    description:
      'A job under this lock may not have run. See "Failed votes, by node" for the nodes that did not answer, and "Since the last run" for whether another process ran it. If answers are slow rather than missing, look at the network or raise nodeTimeoutMs.',
  },
  {
    alert: 'QuorlockAttemptsContended',
    expr: `${increase('job, lock', everywhere('failed', 'reason="contended"'), '30m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'Attempts to acquire {{ $labels.lock }} failed: the votes stayed split',
    description:
      'Several claimants came at once and none got a majority, which is normally settled within the attempt. Check that all processes are given the same nodes in the same order, and that the number of nodes is odd; then give the lock some retries.',
  },
  {
    alert: 'QuorlockLeaseExpired',
    expr: `${increase('job, lock, reason', everywhere('expired', 'reason!="closed"'), '15m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'A lease of {{ $labels.lock }} expired before it was released: {{ $labels.reason }}',
    description:
      'Its work lost the lock midway; the routine should have stopped at lease.signal. unreachable: the nodes did not answer in time. taken: a node was flushed, evicted keys, or failed over without its data. stalled: the process was blocked or suspended. not_extended: the work took longer than ttlMs with autoExtend off. max_hold: it took longer than maxHoldMs.',
  },
  {
    alert: 'QuorlockNodeNotReady',
    expr: `sum by (job, node) (${everywhere('nodeState', NOT_READY)}) > 0`,
    for: '2m',
    severity: 'warning',
    summary: 'The lock node {{ $labels.node }} is not ready for processes of {{ $labels.job }}',
    description:
      'A minority of such nodes does no harm, one more failure may. unreachable: start the Redis server, or repair the network. misconfigured: its configuration forbids that it votes (it is a replica, or listed twice); the log of the process says why.',
  },
  {
    alert: 'QuorlockNodeNotAnswering',
    // Without `unreachable`: of a node without a connection the alert above tells already.
    expr: `${votes('vote=~"timeout|late|disconnected|error"')} / ${votes()} > 0.5`,
    for: '2m',
    severity: 'warning',
    summary: 'The lock node {{ $labels.node }} fails to answer most requests of {{ $labels.job }}',
    description:
      'timeout or late: the server is stopped, overloaded or far away. disconnected: connections break again and again. error: it answers with errors, for instance out of memory or missing permissions. See "Failed votes, by node", and SLOWLOG and INFO on the server.',
  },
  {
    alert: 'QuorlockFallbackActive',
    expr: `sum by (job) (${everywhere('fallbackActive')}) > 0`,
    for: '1m',
    severity: 'critical',
    summary: 'Locks of {{ $labels.job }} hold within single processes only',
    description:
      'The in-memory fallback is active: two processes can hold the same lock at once, and every process runs every job. Bring the Redis nodes back; if Redis is not configured at all (REDIS_ENABLED), configure it or run one process only.',
  },
  {
    alert: 'QuorlockLockNotAcquired',
    expr: [
      `(${increase('job, lock', everywhere('skipped', 'reason="held"'), '1h')} + ${increase('job, lock', everywhere('failed'), '1h')}) > 0`,
      `unless ${increase('job, lock', everywhere('acquired'), '1h')} > 0`,
      `unless max by (job, lock) (max_over_time(${everywhere('leasesHeld')}[1h])) > 0`,
    ].join(' '),
    for: '5m',
    severity: 'warning',
    summary: 'No process of {{ $labels.job }} acquired {{ $labels.lock }} for an hour, though it was tried',
    description:
      'Nobody who is scraped has held it either. Where the attempts are skipped as held, a holder outside of this job has it: inspect() names it. Otherwise the attempts fail: see the reasons.',
  },
];
