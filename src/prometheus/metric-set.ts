import { Counter, Gauge, Histogram, type OpenMetricsContentType, type Registry } from 'prom-client';
import { METRICS } from './metric-names.js';

/** A registry of prom-client, whichever format it serves. */
export type MetricsRegistry = Registry | Registry<OpenMetricsContentType>;

/** The metrics of one registry. */
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
  readonly votes: Counter<'node' | 'vote'>;
  readonly nodeState: Gauge<'node' | 'state'>;
  readonly loopDelay: Histogram;
  readonly fallbackActive: Gauge;
}

export interface Buckets {
  readonly acquire: readonly number[];
  readonly hold: readonly number[];
  readonly wait: readonly number[];
}

/** From a delay that is worth telling to one that no TTL outlasts. */
const LOOP_DELAY_BUCKETS = [0.2, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * The metrics of this registry, registered at the first call. The registry itself is what later calls share them by:
 * that holds for several managers, for two copies of this package in a process, and after `register.clear()`.
 */
export function metricSetIn(register: MetricsRegistry, buckets: Buckets): MetricSet {
  const registers = [register];
  const shared = <M>(name: string, make: () => M): M =>
    (register.getSingleMetric(name) as M | undefined) ?? make();
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    shared(name, () => new Counter<L>({ name, help, labelNames, registers }));
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    shared(name, () => new Gauge<L>({ name, help, labelNames, registers }));
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    bounds: readonly number[],
  ) => shared(name, () => new Histogram<L>({ name, help, labelNames, buckets: [...bounds], registers }));

  return {
    acquired: counter(METRICS.acquired, 'Leases acquired.', ['lock']),
    skipped: counter(
      METRICS.skipped,
      'Attempts that rightly acquired nothing: another holder has it, the tick has run, or this process is draining.',
      ['lock', 'reason'],
    ),
    failed: counter(
      METRICS.failed,
      'Attempts that acquired nothing because something is wrong: no majority answered, or the votes stayed split.',
      ['lock', 'reason'],
    ),
    expired: counter(METRICS.expired, 'Leases that ended before their holder released them.', [
      'lock',
      'reason',
    ]),
    released: counter(METRICS.released, 'Leases released by their holder.', ['lock']),
    extensions: counter(
      METRICS.extensions,
      'Extensions of held leases; a failed one is tried again while validity is left.',
      ['lock', 'outcome'],
    ),
    acquireDuration: histogram(
      METRICS.acquireDuration,
      'Time from asking for a lock to the outcome, waiting and retries included.',
      ['lock', 'outcome'],
      buckets.acquire,
    ),
    waitDuration: histogram(
      METRICS.waitDuration,
      'Time that a call waited for the lock, whatever came of it; calls that did not have to wait are not counted.',
      ['lock'],
      buckets.wait,
    ),
    holdDuration: histogram(
      METRICS.holdDuration,
      'Time from acquiring a lease to its end, released or expired.',
      ['lock'],
      buckets.hold,
    ),
    leasesHeld: gauge(METRICS.leasesHeld, 'Leases held by this process now.', ['lock']),
    waiters: gauge(METRICS.waiters, 'Calls of this process that wait for the lock now.', ['lock']),
    lastRun: shared(
      METRICS.lastRun,
      () =>
        new Gauge({
          name: METRICS.lastRun,
          help: 'Unix time at which this process last acquired the lock; 0 before the first time.',
          labelNames: ['lock'],
          // In a Node cluster the workers' values are merged, and the sum of two instants is none.
          aggregator: 'max',
          registers,
        }),
    ),
    votes: counter(METRICS.votes, 'Answers of a node, to every operation: granted, or why not.', [
      'node',
      'vote',
    ]),
    nodeState: gauge(
      METRICS.nodeState,
      'Lock managers of this process that see the node in this state: with one manager 1 for the present state, else 0.',
      ['node', 'state'],
    ),
    loopDelay: histogram(
      METRICS.loopDelay,
      'Delays of the event loop above 100 ms while leases were held: so much later a timer ran.',
      [],
      LOOP_DELAY_BUCKETS,
    ),
    fallbackActive: gauge(
      METRICS.fallbackActive,
      'Lock managers of this process whose locks hold in this process only.',
      [],
    ),
  };
}
