import { register as globalRegister } from 'prom-client';
import type { LockEvent, LockListener, NodeSnapshot } from '../index.js';
import { OpenIntervals } from './open-intervals.js';
import { metricSetOn, type MetricSet, type MetricsRegistry } from './metric-set.js';
import { JobRecorder } from './job-recorder.js';
import { BoundedNames, OTHER_LOCKS } from './bounded-names.js';
import { assertBounds, assertMetricsOptions } from './metrics-options.js';
import { zeroLock, zeroNode } from './zero-series.js';

/**
 * The options of `lockMetrics()`. The first call on a registry decides its buckets; later calls share the
 * metrics.
 */
export interface LockMetricsOptions {
  /**
   * The registry on which the metrics are registered.
   * @default prom-client's global registry
   */
  readonly register?: MetricsRegistry | undefined;
  /**
   * Bucket bounds of `quorlock_acquire_duration_seconds`: seconds above zero, ascending.
   * @default 13 bounds from 1 ms to 1 min
   */
  readonly acquireBuckets?: readonly number[] | undefined;
  /**
   * Bucket bounds of `quorlock_hold_duration_seconds`: seconds above zero, ascending.
   * @default 11 bounds from 5 ms to 4 h
   */
  readonly holdBuckets?: readonly number[] | undefined;
  /**
   * Bucket bounds of `quorlock_wait_duration_seconds`: seconds above zero, ascending.
   * @default 12 bounds from 5 ms to 5 min
   */
  readonly waitBuckets?: readonly number[] | undefined;
}

/**
 * Seconds. A round trip on a good network takes about a millisecond. Times above the node timeout, 250 ms,
 * are retries and waiting.
 */
const ACQUIRE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60];
/** Seconds, from the shortest jobs to the nightly ones. */
const HOLD_BUCKETS = [0.005, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14_400];
/**
 * Seconds. A call waits for as long as others hold the lock. The bounds are finest where users notice a wait,
 * from 0.1 s to 60 s. Shorter waits are hand-overs within the process or between processes; longer ones
 * exceed the default `maxTtlMs`.
 */
const WAIT_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

type EventOf<Type extends LockEvent['type']> = Extract<LockEvent, { readonly type: Type }>;

/**
 * Makes a listener that records the events of one `LockManager` as metrics: `locks.subscribe(lockMetrics())`.
 *
 * Call it once for each manager. All calls on one registry share the same metrics. Each lock name has about
 * 115 series; all are at zero from the moment when the lock is declared or first used. After a thousand
 * names, further ones are counted together as `(other)`, with a warning: an id does not belong into a name.
 *
 * @throws TypeError for an unknown option or another registry than one of prom-client, RangeError when bucket
 * bounds are not numbers above zero in ascending order.
 */
export function lockMetrics(options: LockMetricsOptions = {}): LockListener {
  assertMetricsOptions(options);
  const {
    register = globalRegister,
    acquireBuckets = ACQUIRE_BUCKETS,
    holdBuckets = HOLD_BUCKETS,
    waitBuckets = WAIT_BUCKETS,
  } = options;
  assertBounds('acquireBuckets', acquireBuckets);
  assertBounds('holdBuckets', holdBuckets);
  assertBounds('waitBuckets', waitBuckets);
  const buckets = { acquire: acquireBuckets, hold: holdBuckets, wait: waitBuckets };
  const recorder = new Recorder(metricSetOn(register, buckets));
  return (event) => recorder.record(event);
}

/**
 * Records the events of one manager as metrics. Gauges are counted up and down, so several managers add up.
 */
class Recorder {
  readonly #names = new BoundedNames();
  readonly #locks = new Set<string>();
  readonly #held = new OpenIntervals();
  readonly #waits = new OpenIntervals();
  readonly #terms = new OpenIntervals();
  readonly #nodes = new Map<string, NodeSnapshot['status']>();
  readonly #jobs: JobRecorder;
  #fallback = false;

  constructor(private readonly metrics: MetricSet) {
    this.#jobs = new JobRecorder(metrics);
  }

  record(event: LockEvent): void {
    if ('name' in event && this.#names.isBeyond(event.name)) this.#record({ ...event, name: OTHER_LOCKS });
    else this.#record(event);
  }

  #record(event: LockEvent): void {
    const { metrics } = this;
    switch (event.type) {
      case 'declared':
      case 'acquiring':
        return this.#addLock(event.name);
      case 'waiting':
        this.#addLock(event.name);
        metrics.waiters.inc({ lock: event.name });
        return this.#waits.begin(keyOf(event));
      case 'waited':
        this.#addLock(event.name);
        metrics.waitDuration.observe({ lock: event.name }, event.durationMs / 1000);
        if (this.#waits.end(keyOf(event))) metrics.waiters.dec({ lock: event.name });
        return;
      case 'acquired': {
        this.#recordOutcome(event);
        metrics.acquired.inc({ lock: event.name });
        metrics.lastRun.set({ lock: event.name }, Date.now() / 1000);
        metrics.leasesHeld.inc({ lock: event.name });
        return this.#held.begin(keyOf(event));
      }
      case 'skipped':
        this.#recordOutcome(event);
        return metrics.skipped.inc({ lock: event.name, reason: event.reason });
      case 'failed':
        this.#recordOutcome(event);
        return metrics.failed.inc({ lock: event.name, reason: event.reason });
      case 'aborted':
        return this.#recordOutcome(event);
      case 'extended':
        this.#addLock(event.name);
        return metrics.extensions.inc({ lock: event.name, outcome: event.outcome });
      case 'released':
      case 'transferred':
        this.#recordLeaseEnd(event);
        return metrics.released.inc({ lock: event.name });
      case 'lost':
        this.#recordLeaseEnd(event);
        return metrics.expired.inc({ lock: event.name, reason: event.reason });
      case 'schedule':
      case 'run_started':
      case 'run_finished':
      case 'run_overrun':
      case 'tick_missed':
      case 'tick_abandoned':
        this.#addLock(event.name);
        return this.#jobs.record(event);
      case 'force_released':
        this.#addLock(event.name);
        // The brief lease that raises the counters is counted, too, and the loss where the holder is.
        return metrics.forceReleases.inc();
      case 'manual_run':
        // Its lease is counted. It is no run of the schedule, so it says nothing of the job's health.
        return this.#addLock(event.name);
      case 'candidate':
        this.#addLock(event.name);
        // No other lock has this series: an alert may ask for locks that nobody leads.
        return metrics.leader.inc({ lock: event.name }, 0);
      case 'elected':
        metrics.leader.inc({ lock: event.name });
        return this.#terms.begin(keyOf(event));
      case 'deposed':
        if (this.#terms.end(keyOf(event))) metrics.leader.dec({ lock: event.name });
        return;
      case 'vote':
        return metrics.votes.inc({ node: event.node, vote: event.vote });
      case 'node':
        return this.#recordNode(event.node);
      case 'stalled':
        return metrics.loopDelay.observe(event.delayMs / 1000);
      case 'quorum':
      case 'membership':
        // The states of the nodes, and failures with the reason mismatch, tell it, too.
        return;
      case 'fallback':
        return this.#recordFallback(event.active);
    }
  }

  #addLock(lock: string): void {
    if (this.#locks.has(lock)) return;
    this.#locks.add(lock);
    zeroLock(this.metrics, lock);
  }

  #recordOutcome({ name, type, durationMs }: EventOf<'acquired' | 'skipped' | 'failed' | 'aborted'>): void {
    this.#addLock(name);
    this.metrics.acquireDuration.observe({ lock: name, outcome: type }, durationMs / 1000);
  }

  #recordLeaseEnd(event: EventOf<'released' | 'transferred' | 'lost'>): void {
    this.#addLock(event.name);
    this.metrics.holdDuration.observe({ lock: event.name }, event.heldMs / 1000);
    if (this.#held.end(keyOf(event))) this.metrics.leasesHeld.dec({ lock: event.name });
  }

  #recordNode({ name, status }: NodeSnapshot): void {
    const before = this.#nodes.get(name);
    if (before === status) return;
    this.#nodes.set(name, status);
    if (before === undefined) zeroNode(this.metrics, name);
    else this.metrics.nodeState.dec({ node: name, state: before });
    this.metrics.nodeState.inc({ node: name, state: status });
    // A closed manager grants nothing, not even in this process: its fallback is over.
    if (status === 'closed') this.#recordFallback(false);
  }

  #recordFallback(active: boolean): void {
    if (active === this.#fallback) return;
    this.#fallback = active;
    this.metrics.fallbackActive.inc(active ? 1 : -1);
  }
}

/** The id alone is unique per manager only, and one listener may hear several managers. */
const keyOf = ({ id, resources }: EventOf<Numbered>): string => JSON.stringify([id, ...resources]);

/** The events that begin or end an interval. */
type Numbered =
  'acquired' | 'released' | 'transferred' | 'lost' | 'waiting' | 'waited' | 'elected' | 'deposed';
