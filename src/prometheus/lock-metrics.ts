import { register as globalRegister } from 'prom-client';
import type { LockEvent, LockListener, NodeSnapshot } from '../index.js';
import { OpenIntervals } from './open-intervals.js';
import { metricSetIn, type MetricSet, type MetricsRegistry } from './metric-set.js';
import { zeroLock, zeroNode } from './zero-series.js';

export interface LockMetricsOptions {
  /**
   * Where the metrics are registered.
   * @default prom-client's global registry
   */
  readonly register?: MetricsRegistry;
  /**
   * Bucket bounds of `quorlock_acquire_duration_seconds`, in seconds, ascending. The first call on a registry decides.
   * @default 1 ms to 1 min
   */
  readonly acquireBuckets?: readonly number[];
  /**
   * Bucket bounds of `quorlock_hold_duration_seconds`, in seconds, ascending. The first call on a registry decides.
   * @default 5 ms to 4 h
   */
  readonly holdBuckets?: readonly number[];
  /**
   * Bucket bounds of `quorlock_wait_duration_seconds`, in seconds, ascending. The first call on a registry decides.
   * @default 5 ms to 5 min
   */
  readonly waitBuckets?: readonly number[];
}

/** A round trip on a good network takes about a millisecond; beyond the node timeout of 250 ms it is retries and waiting. */
const ACQUIRE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60];
/** From the quick job to the nightly one. */
const HOLD_BUCKETS = [0.005, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14_400];
/**
 * Who waits does it for as long as others hold. So it is finest where a wait is felt, from a tenth of a second to a minute;
 * below is a hand-over within the process or a turn among processes, above is more than the longest TTL that is the default.
 */
const WAIT_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

type EventOf<Type extends LockEvent['type']> = Extract<LockEvent, { readonly type: Type }>;

/**
 * Metrics of a `LockManager` on any prom-client registry: `locks.subscribe(lockMetrics())`.
 *
 * Call it once for each manager; all calls on one registry share the same metrics. About 115 series for each lock name, all
 * at zero from the moment the lock is declared or first used.
 *
 * @throws RangeError when bucket bounds are not numbers above zero in ascending order.
 */
export function lockMetrics(options: LockMetricsOptions = {}): LockListener {
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
  const recorder = new Recorder(metricSetIn(register, buckets));
  return (event) => recorder.record(event);
}

/** prom-client takes any bounds, and puts observations into the wrong buckets where they do not ascend. */
function assertBounds(option: string, bounds: readonly number[]): void {
  if (bounds.every((bound, index) => Number.isFinite(bound) && bound > (bounds[index - 1] ?? 0))) return;
  throw new RangeError(`${option} must be numbers above zero in ascending order, got ${bounds.join(', ')}`);
}

/** Turns the events of one manager into metrics. The gauges are counted up and down, so that managers add up. */
class Recorder {
  readonly #locks = new Set<string>();
  readonly #held = new OpenIntervals();
  readonly #waits = new OpenIntervals();
  readonly #nodes = new Map<string, NodeSnapshot['status']>();
  #fallback = false;

  constructor(private readonly metrics: MetricSet) {}

  record(event: LockEvent): void {
    const { metrics } = this;
    switch (event.type) {
      case 'declared':
        return this.#know(event.name);
      case 'waiting':
        this.#know(event.name);
        metrics.waiters.inc({ lock: event.name });
        return this.#waits.begin(waitKeyOf(event));
      case 'waited':
        this.#know(event.name);
        metrics.waitDuration.observe({ lock: event.name }, event.durationMs / 1000);
        if (this.#waits.end(waitKeyOf(event))) metrics.waiters.dec({ lock: event.name });
        return;
      case 'acquired': {
        this.#attempted(event);
        metrics.acquired.inc({ lock: event.name });
        metrics.lastRun.set({ lock: event.name }, Date.now() / 1000);
        metrics.leasesHeld.inc({ lock: event.name });
        return this.#held.begin(leaseKeyOf(event));
      }
      case 'skipped':
        this.#attempted(event);
        return metrics.skipped.inc({ lock: event.name, reason: event.reason });
      case 'failed':
        this.#attempted(event);
        return metrics.failed.inc({ lock: event.name, reason: event.reason });
      case 'aborted':
        return this.#attempted(event);
      case 'extended':
        this.#know(event.name);
        return metrics.extensions.inc({ lock: event.name, outcome: event.outcome });
      case 'released':
        this.#ended(event);
        return metrics.released.inc({ lock: event.name });
      case 'lost':
        this.#ended(event);
        return metrics.expired.inc({ lock: event.name, reason: event.reason });
      case 'vote':
        return metrics.votes.inc({ node: event.node, vote: event.vote });
      case 'node':
        return this.#nodeChanged(event.node);
      case 'stalled':
        return metrics.loopDelay.observe(event.delayMs / 1000);
      case 'fallback':
        return this.#fallbackChanged(event.active);
    }
  }

  #know(lock: string): void {
    if (this.#locks.has(lock)) return;
    this.#locks.add(lock);
    zeroLock(this.metrics, lock);
  }

  #attempted({ name, type, durationMs }: EventOf<'acquired' | 'skipped' | 'failed' | 'aborted'>): void {
    this.#know(name);
    this.metrics.acquireDuration.observe({ lock: name, outcome: type }, durationMs / 1000);
  }

  #ended(event: EventOf<'released' | 'lost'>): void {
    this.#know(event.name);
    this.metrics.holdDuration.observe({ lock: event.name }, event.heldMs / 1000);
    if (this.#held.end(leaseKeyOf(event))) this.metrics.leasesHeld.dec({ lock: event.name });
  }

  #nodeChanged({ name, status }: NodeSnapshot): void {
    const before = this.#nodes.get(name);
    if (before === status) return;
    this.#nodes.set(name, status);
    if (before === undefined) zeroNode(this.metrics, name);
    else this.metrics.nodeState.dec({ node: name, state: before });
    this.metrics.nodeState.inc({ node: name, state: status });
    // A manager that was closed grants nothing any more, in a fallback neither.
    if (status === 'closed') this.#fallbackChanged(false);
  }

  #fallbackChanged(active: boolean): void {
    if (active === this.#fallback) return;
    this.#fallback = active;
    this.metrics.fallbackActive.inc(active ? 1 : -1);
  }
}

const leaseKeyOf = ({ token, resources }: EventOf<'acquired' | 'released' | 'lost'>): string =>
  JSON.stringify([token, ...resources]);

const waitKeyOf = ({ wait, resources }: EventOf<'waiting' | 'waited'>): string =>
  JSON.stringify([wait, ...resources]);
