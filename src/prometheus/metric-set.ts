import { Counter, Gauge, Histogram, type OpenMetricsContentType, type Registry } from 'prom-client';
import { METRICS } from './metric-names.js';

/** A registry of prom-client, in the Prometheus format or in OpenMetrics. */
export type MetricsRegistry = Registry | Registry<OpenMetricsContentType>;

/** The metrics on one registry. */
export interface MetricSet {
  readonly acquired: Counter<'lock'>;
  readonly skipped: Counter<'lock' | 'reason'>;
  readonly failed: Counter<'lock' | 'reason'>;
  readonly expired: Counter<'lock' | 'reason'>;
  readonly released: Counter<'lock'>;
  readonly extensions: Counter<'lock' | 'outcome'>;
  readonly acquireDuration: Histogram<'lock' | 'outcome'>;
  readonly waitDuration: Histogram<'lock'>;
  readonly holdDuration: Histogram<'lock'>;
  readonly leasesHeld: Gauge<'lock'>;
  readonly waiters: Gauge<'lock'>;
  readonly lastRun: Gauge<'lock'>;
  readonly leader: Gauge<'lock'>;
  readonly runs: Counter<'lock' | 'outcome'>;
  readonly runDuration: Histogram<'lock' | 'outcome'>;
  readonly tickLateness: Histogram<'lock'>;
  readonly lastSuccess: Gauge<'lock'>;
  readonly nextTick: Gauge<'lock'>;
  readonly ticksMissed: Counter<'lock' | 'reason'>;
  readonly ticksAbandoned: Counter<'lock' | 'reason'>;
  readonly runOverruns: Counter<'lock'>;
  readonly votes: Counter<'node' | 'vote'>;
  readonly nodeState: Gauge<'node' | 'state'>;
  readonly loopDelay: Histogram;
  readonly fallbackActive: Gauge;
  readonly forceReleases: Counter;
}

/** The bucket bounds of the histograms that a user may set, in seconds. */
export interface Buckets {
  readonly acquire: readonly number[];
  readonly hold: readonly number[];
  readonly wait: readonly number[];
}

/**
 * Seconds, from the shortest delays that the `stalled` event reports to one as long as the default
 * `maxTtlMs`.
 */
const LOOP_DELAY_BUCKETS = [0.2, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Seconds, from a timer that fires late to a job that is caught up after a night. */
const LATENESS_BUCKETS = [0.1, 1, 5, 15, 60, 300, 1_800, 3_600, 14_400, 43_200];

/**
 * The metrics on this registry. The first call registers them, and later calls find them in the registry. So
 * they are shared by several managers and by two copies of this package in a process, and they are made again
 * after `register.clear()`.
 */
export function metricSetOn(register: MetricsRegistry, buckets: Buckets): MetricSet {
  const registers = [register];
  const findOrMake = <M>(name: string, make: () => M): M =>
    (register.getSingleMetric(name) as M | undefined) ?? make();
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    findOrMake(name, () => new Counter<L>({ name, help, labelNames, registers }));
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    findOrMake(name, () => new Gauge<L>({ name, help, labelNames, registers }));
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    bounds: readonly number[],
  ) => findOrMake(name, () => new Histogram<L>({ name, help, labelNames, buckets: [...bounds], registers }));

  /** prom-client merges the values of a Node cluster's workers. The sum of two instants means nothing. */
  const instant = (name: string, help: string) =>
    findOrMake(name, () => new Gauge({ name, help, labelNames: ['lock'], aggregator: 'max', registers }));

  return {
    acquired: counter(METRICS.acquired, 'Leases acquired.', ['lock']),
    skipped: counter(
      METRICS.skipped,
      'Calls that rightly acquired nothing: the lock is held, the tick has run, or this process is draining.',
      ['lock', 'reason'],
    ),
    failed: counter(
      METRICS.failed,
      'Calls that acquired nothing due to a fault: no majority of nodes answered, or the votes stayed split.',
      ['lock', 'reason'],
    ),
    expired: counter(
      METRICS.expired,
      'Leases that were lost: they ended before their holder released them.',
      ['lock', 'reason'],
    ),
    released: counter(METRICS.released, 'Leases that their holder released.', ['lock']),
    extensions: counter(
      METRICS.extensions,
      'Extensions of held leases. A failed one is tried again while the lease is valid.',
      ['lock', 'outcome'],
    ),
    acquireDuration: histogram(
      METRICS.acquireDuration,
      'Time from a call of acquire to its outcome, including waiting and retries.',
      ['lock', 'outcome'],
      buckets.acquire,
    ),
    waitDuration: histogram(
      METRICS.waitDuration,
      'Time that a call waited for the lock, with any outcome. Calls that did not wait are not counted.',
      ['lock'],
      buckets.wait,
    ),
    holdDuration: histogram(
      METRICS.holdDuration,
      'Time from acquiring a lease to its end: it was released or lost.',
      ['lock'],
      buckets.hold,
    ),
    leasesHeld: gauge(METRICS.leasesHeld, 'Leases that this process holds now.', ['lock']),
    waiters: gauge(METRICS.waiters, 'Calls of this process that wait for the lock now.', ['lock']),
    lastRun: instant(
      METRICS.lastRun,
      'Unix time at which this process last acquired the lock. 0 before the first time.',
    ),
    leader: gauge(
      METRICS.leader,
      'Candidates of this process that lead now. Only locks for which it has stood for election have it.',
      ['lock'],
    ),
    runs: counter(METRICS.runs, 'Runs of scheduled jobs that ended in this process.', ['lock', 'outcome']),
    runDuration: histogram(
      METRICS.runDuration,
      'Time from the beginning of a scheduled run to its end.',
      ['lock', 'outcome'],
      buckets.hold,
    ),
    tickLateness: histogram(
      METRICS.tickLateness,
      'Time from the scheduled instant of a run to its beginning.',
      ['lock'],
      LATENESS_BUCKETS,
    ),
    lastSuccess: instant(
      METRICS.lastSuccess,
      'Unix time at which a run last succeeded, in this process or, at its start, as the nodes know.',
    ),
    nextTick: instant(
      METRICS.nextTick,
      'Unix time of the first tick that has not succeeded. It is past while the job is overdue.',
    ),
    ticksMissed: counter(
      METRICS.ticksMissed,
      'Ticks that did not run and will not, as found by this process. Several may find the same one.',
      ['lock', 'reason'],
    ),
    ticksAbandoned: counter(
      METRICS.ticksAbandoned,
      'Ticks that were started and did not end, as found by this process: retried, or the reason why not.',
      ['lock', 'reason'],
    ),
    runOverruns: counter(METRICS.runOverruns, 'Runs that went on when the next tick was due.', ['lock']),
    votes: counter(METRICS.votes, 'Answers of a node to all operations: granted, or the reason why not.', [
      'node',
      'vote',
    ]),
    nodeState: gauge(
      METRICS.nodeState,
      'Lock managers of this process that see the node in this state. With one manager it is 1 or 0.',
      ['node', 'state'],
    ),
    loopDelay: histogram(
      METRICS.loopDelay,
      'Delays of the event loop above 100 ms while leases were held: by how much a timer fired late.',
      [],
      LOOP_DELAY_BUCKETS,
    ),
    fallbackActive: gauge(
      METRICS.fallbackActive,
      'Lock managers that lock in the fallback, because no majority of the nodes answers, or in memory only.',
      [],
    ),
    forceReleases: counter(
      METRICS.forceReleases,
      'Locks that an operator took from their holder, by forceRelease of this process.',
      [],
    ),
  };
}
