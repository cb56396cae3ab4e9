import type { LockEvent } from '../index.js';
import type { MetricSet } from './metric-set.js';
import { zeroJob } from './zero-series.js';

type EventOf<Type extends LockEvent['type']> = Extract<LockEvent, { readonly type: Type }>;

/** The events about scheduled runs. */
type JobEvent = EventOf<
  'schedule' | 'run_started' | 'run_finished' | 'run_overrun' | 'tick_missed' | 'tick_abandoned'
>;

/** Records what becomes of scheduled runs. */
export class JobRecorder {
  readonly #jobs = new Set<string>();
  /** The greatest values so far, in seconds: what is learned late must not lower them. */
  readonly #lastSuccess = new Map<string, number>();
  readonly #nextTick = new Map<string, number>();

  constructor(private readonly metrics: MetricSet) {}

  record(event: JobEvent): void {
    const { metrics } = this;
    const { name: lock } = event;
    this.#addJob(lock);
    switch (event.type) {
      case 'schedule': {
        const { nextTick, lastSuccess } = event;
        if (lastSuccess !== undefined) this.#succeeded(lock, lastSuccess);
        return this.#setNextTick(lock, nextTick);
      }
      case 'run_started':
        return metrics.tickLateness.observe({ lock }, event.latenessMs / 1000);
      case 'run_finished': {
        const { outcome, durationMs, nextTick } = event;
        metrics.runs.inc({ lock, outcome });
        metrics.runDuration.observe({ lock, outcome }, durationMs / 1000);
        if (outcome !== 'succeeded') return;
        this.#succeeded(lock, Date.now());
        return this.#setNextTick(lock, nextTick);
      }
      case 'run_overrun':
        return metrics.runOverruns.inc({ lock });
      case 'tick_missed':
        return metrics.ticksMissed.inc({ lock, reason: event.reason });
      case 'tick_abandoned':
        return metrics.ticksAbandoned.inc({ lock, reason: event.reason });
    }
  }

  #addJob(lock: string): void {
    if (this.#jobs.has(lock)) return;
    this.#jobs.add(lock);
    zeroJob(this.metrics, lock);
  }

  #succeeded(lock: string, atMs: number): void {
    if (atMs <= (this.#lastSuccess.get(lock) ?? 0)) return;
    this.#lastSuccess.set(lock, atMs);
    this.metrics.lastSuccess.set({ lock }, atMs / 1000);
  }

  /** `undefined`: nothing is known, or the schedule has no more ticks. */
  #setNextTick(lock: string, tick: number | undefined): void {
    if (tick === undefined || tick <= (this.#nextTick.get(lock) ?? 0)) return;
    this.#nextTick.set(lock, tick);
    this.metrics.nextTick.set({ lock }, tick / 1000);
  }
}
