import { everywhere, NOT_READY } from './promql.js';

/** An alerting rule of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** How long the condition must hold before the alert fires. '0m' is for events of which one is enough. */
  readonly for: string;
  /** critical: locks do not work now, call somebody. warning: look at it in working hours. */
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  /** What the alert means, and what to do. */
  readonly description: string;
}

const increase = (by: string, selector: string, window: string): string =>
  `sum by (${by}) (increase(${selector}[${window}]))`;

const notReady = `sum by (job, instance) (${everywhere('nodeState', NOT_READY)})`;
const inQuarantine = `sum by (job, instance) (${everywhere('nodeState', 'state="untrusted"')})`;
const ready = `sum by (job, instance) (${everywhere('nodeState', 'state="ready"')})`;
const votes = (...matchers: readonly string[]): string =>
  `sum by (job, node) (rate(${everywhere('votes', ...matchers)}[5m]))`;

/**
 * The alerting rules. `increase()` sees an event only if the series was scraped at zero before it. quorlock
 * creates all series of a declared lock at once, so this works for every event that comes more than one
 * scrape after the start.
 */
export const ALERT_RULES: readonly AlertRule[] = [
  {
    alert: 'QuorlockNoQuorum',
    expr: `(${notReady} >= ${ready}) > 0`,
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.instance }} has no connection to a majority of the lock nodes',
    description:
      'This process can acquire nothing and extend nothing: its jobs do not run, and it loses the leases ' +
      'that it holds. Bring the Redis nodes back, or the network between them and the process. The panel ' +
      '"Node states" shows which nodes are missing.',
  },
  {
    alert: 'QuorlockMajorityInQuarantine',
    expr: `(${inQuarantine} >= ${ready}) > 0`,
    for: '0m',
    severity: 'critical',
    summary: '{{ $labels.instance }} can lock nothing: its nodes lost their memory and have no vote yet',
    description:
      'Half of the nodes or more restarted without their data, or their clocks were stepped. Each votes ' +
      'again by itself, after the longest quarantine at the latest; the log of the process says when. ' +
      'Until then no job runs. Do not flush or restart more nodes. Find out why several were emptied.',
  },
  {
    alert: 'QuorlockNothingAcquired',
    expr: [
      `${increase('job', everywhere('failed'), '5m')} > 0`,
      `unless ${increase('job', everywhere('acquired'), '5m')} > 0`,
    ].join(' '),
    for: '1m',
    severity: 'critical',
    summary: 'No process of {{ $labels.job }} could acquire any lock',
    description:
      'Calls of the last five minutes failed, and none succeeded. See "Failed, by reason". unreachable: no ' +
      'majority of the nodes answered. If they look ready, they are connected but do not answer in time: ' +
      'see "Failed votes, by node", and the load and the memory of the Redis servers. untrusted: the nodes ' +
      'lost their memory and have no vote yet. contended: the votes stayed split.',
  },
  {
    alert: 'QuorlockAttemptsUnreachable',
    // Split votes have an alert of their own. Every other reason means that no majority voted.
    expr: `${increase('job, lock', everywhere('failed', 'reason!="contended"'), '10m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'Calls to acquire {{ $labels.lock }} failed: no majority of the nodes voted',
    description:
      'A job with this lock may not have run. "Failed votes, by node" shows which nodes did not answer, ' +
      'and "Since the last run" whether another process ran it. If answers are slow rather than missing, ' +
      'check the network or raise nodeTimeoutMs. "Node states" shows nodes that have no vote yet.',
  },
  {
    alert: 'QuorlockAttemptsContended',
    expr: `${increase('job, lock', everywhere('failed', 'reason="contended"'), '30m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'Calls to acquire {{ $labels.lock }} failed: the votes stayed split',
    description:
      'Several processes asked at once, and none got a majority. Normally the same call settles this. ' +
      'Check that all processes have the same nodes in the same order, and that the number of nodes is ' +
      'odd. Then give the lock some retries.',
  },
  {
    alert: 'QuorlockLeaseLost',
    expr: `${increase('job, lock, reason', everywhere('expired', 'reason!="closed"'), '15m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'A lease of {{ $labels.lock }} was lost before it was released: {{ $labels.reason }}',
    description:
      'A job lost its lock while it ran. It should have stopped when lease.signal aborted. unreachable: ' +
      'the nodes did not answer in time. mismatch: they vote under another list of nodes than this process ' +
      'has. taken: nodes were flushed, evicted keys, or failed over without ' +
      'their data. stalled: the process was blocked or suspended. not_extended: the job took longer than ' +
      'ttlMs, and autoExtend is off. max_hold: the job took longer than maxHoldMs.',
  },
  {
    alert: 'QuorlockNodeNotReady',
    expr: `sum by (job, node) (${everywhere('nodeState', NOT_READY)}) > 0`,
    for: '2m',
    severity: 'warning',
    summary: 'The lock node {{ $labels.node }} is not ready for processes of {{ $labels.job }}',
    description:
      'A minority of such nodes does no harm, but one more failure may. unreachable: start the Redis ' +
      'server, or repair the network. misconfigured: the node has no vote because of its configuration, ' +
      'for example as it is a replica or listed twice. The log of the process says why.',
  },
  {
    alert: 'QuorlockNodeNotAnswering',
    // Without `unreachable`: the alert above already reports a node without a connection.
    expr: `${votes('vote=~"timeout|late|disconnected|error"')} / ${votes()} > 0.5`,
    for: '2m',
    severity: 'warning',
    summary: 'The lock node {{ $labels.node }} fails to answer most requests of {{ $labels.job }}',
    description:
      'timeout or late: the server is stopped, overloaded or far away. disconnected: its connections ' +
      'break again and again. error: it answers with errors, for example because of missing memory or ' +
      'permissions. See "Failed votes, by node", and SLOWLOG and INFO on the server.',
  },
  {
    alert: 'QuorlockFallbackActive',
    expr: `sum by (job) (${everywhere('fallbackActive')}) > 0`,
    for: '1m',
    severity: 'critical',
    summary: 'The locks of {{ $labels.job }} are taken in the fallback, and not on its nodes',
    description:
      'With the fallback in memory two processes can hold the same lock at once, and every process runs ' +
      'every job. With a database as the fallback locks exclude, but depend on it alone. Bring the nodes ' +
      'back. If Redis is not enabled (REDIS_ENABLED), enable it, or run one process only.',
  },
  {
    alert: 'QuorlockJobOverdue',
    // `last_over_time` keeps what the workers said before they were gone. The greatest value is that of the
    // worker that knows of the latest success. A job that runs now may still succeed.
    expr: [
      `max by (job, lock) (last_over_time(${everywhere('nextTick')}[1w])) < time() - 300`,
      `unless max by (job, lock) (${everywhere('leasesHeld')}) > 0`,
    ].join(' '),
    for: '1m',
    severity: 'critical',
    summary: 'The job {{ $labels.lock }} of {{ $labels.job }} is overdue',
    description:
      'A tick was due five minutes ago, and no run of it has succeeded. The schedule of the job says when ' +
      'it is due, so this needs no number by hand, and it fires also when all workers are gone. See the ' +
      'dashboard "Jobs": whether the runs fail, whether ticks are missed, and whether any worker is up.',
  },
  {
    alert: 'QuorlockRunFailed',
    expr: `${increase('job, lock, outcome', everywhere('runs', 'outcome!="succeeded"'), '15m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'A run of {{ $labels.lock }} ended badly: {{ $labels.outcome }}',
    description:
      'failed: the job threw an error, see the log of the worker. timed_out: it took longer than its ' +
      'timeout. lost: its lease ended before it did, or its end could not be put on record. A failed run ' +
      'is not run again unless retryOnError is on.',
  },
  {
    alert: 'QuorlockTickMissed',
    // Each worker may find the same tick: one of them is enough.
    expr: `max by (job, lock, reason) (increase(${everywhere('ticksMissed')}[15m])) > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'A scheduled run of {{ $labels.lock }} did not take place: {{ $labels.reason }}',
    description:
      'policy: no worker was there at the tick, and missed is skip. too_late: none came before ' +
      'maxLateness was over. overlap: the run before it went on. unreachable: no majority of the nodes ' +
      'answered. Set missed to once if such a run should be caught up.',
  },
  {
    alert: 'QuorlockTickAbandoned',
    expr: [
      'max by (job, lock, reason) (increase(',
      everywhere('ticksAbandoned', 'reason!="retried"'),
      '[15m])) > 0',
    ].join(''),
    for: '0m',
    severity: 'warning',
    summary: 'A run of {{ $labels.lock }} was begun and did not end: {{ $labels.reason }}',
    description:
      'Its worker died or lost its lease, and nobody runs the tick again. policy: abandoned is leave. ' +
      'attempts: it was started as often as allowed. too_late: maxLateness is over. See why the worker ' +
      'died; set abandoned to retry if the job may run more than once.',
  },
  {
    alert: 'QuorlockRunOverrun',
    expr: `${increase('job, lock', everywhere('runOverruns'), '15m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: 'A run of {{ $labels.lock }} went on when the next tick was due',
    description:
      'The next tick is skipped, or waits if overlap is wait. If it happens often, the job takes longer ' +
      'than its schedule allows. If a run never ends, the job hangs: give it a timeout.',
  },
  {
    alert: 'QuorlockNoLeader',
    expr: `max by (job, lock) (${everywhere('leader')}) == 0`,
    for: '2m',
    severity: 'critical',
    summary: 'Nobody leads {{ $labels.lock }}, although processes of {{ $labels.job }} stand for election',
    description:
      'After the crash of a leader this lasts for its TTL. If it lasts longer, either no majority of the ' +
      'nodes answers, or a process that is not scraped leads, or the work of the last leader does not ' +
      'end: inspect() names the holder.',
  },
  {
    alert: 'QuorlockLockNotAcquired',
    expr: [
      `(${increase('job, lock', everywhere('skipped', 'reason="held"'), '1h')}`,
      `+ ${increase('job, lock', everywhere('failed'), '1h')}) > 0`,
      `unless ${increase('job, lock', everywhere('acquired'), '1h')} > 0`,
      `unless max by (job, lock) (max_over_time(${everywhere('leasesHeld')}[1h])) > 0`,
    ].join(' '),
    for: '5m',
    severity: 'warning',
    summary: 'No process of {{ $labels.job }} could acquire {{ $labels.lock }} for an hour',
    description:
      'No scraped process held the lock in that hour, and all calls were skipped or failed. If they were ' +
      'skipped as held, a holder outside of this job has the lock: inspect() names it. If they failed, ' +
      'see "Failed, by reason".',
  },
];
