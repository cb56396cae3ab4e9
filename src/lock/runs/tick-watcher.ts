import { AsyncLocalStorage } from 'node:async_hooks';
import {
  dueRun,
  firstOpenTick,
  runLeft,
  type RunPolicy,
  type TickNotRun,
  type TickSchedule,
} from '../../core/run-policy.js';
import type { RunRecord } from '../../core/run.js';
import { messageOf } from '../../api/callbacks.js';
import { LockManagerClosedError, QuorumUnreachableError } from '../../api/errors.js';
import type { LockEvent, QuorumSnapshot } from '../../api/events.js';
import type { Inspection } from '../../api/inspection.js';
import type { TickWatch } from '../../api/run.js';
import { wallMs, type RunContext } from './run-context.js';

/** A job whose ticks are watched. Its options were checked. */
export interface WatchedTicks {
  readonly key: string;
  readonly name: string;
  readonly schedule: TickSchedule;
  readonly policy: RunPolicy;
  /** Runs a tick. It asks for it like any other worker, so several workers may do so at once. */
  readonly perform: (tick: number) => unknown;
}

/** After this and the spread, nobody starts a tick any more by its timer: the clocks of workers differ. */
const LOOK_AGAIN_MS = 61_000;

/** It looks at the holder this late at the soonest: most runs are over by then. */
const LOOK_AT_HOLDER_MS = 5_000;
/** So long after the keys of a holder end, unless it is alive, they are gone on all nodes. */
const AFTER_END_MS = 500;

/**
 * The runs that looks have begun and that the calling code is part of. All watchers share one: up to Node 22
 * each that was used once slows down every promise of the process.
 */
const outerRuns = new AsyncLocalStorage<readonly object[]>();

/**
 * Looks for ticks that no worker started, or whose worker died: at the start, when a majority of the nodes is
 * back, and again while it cannot be known yet; and after a tick that another worker has, in case that one
 * dies. It runs what it finds, or tells of it.
 */
export class TickWatcher implements TickWatch {
  readonly #context: RunContext;
  readonly #watched: WatchedTicks;
  readonly #unsubscribe: () => void;
  /** The last tick that was told, and why, so that each is told once. */
  #told = '';
  #looking: Promise<void> | undefined;
  /** Stands for the run that the look in progress has begun. Code of that run has it in its context. */
  #running: object | undefined;
  /** Whether a look at the holder of the lock is planned. There is one at a time. */
  #looksAtHolder = false;
  #isStopped = false;

  constructor(context: RunContext, watched: WatchedTicks, started: Promise<QuorumSnapshot>) {
    this.#context = context;
    this.#watched = watched;
    this.#unsubscribe = context.events.add((event) => this.#onEvent(event));
    void started.then(({ reached }) => (reached ? this.look() : undefined));
  }

  look(): Promise<void> {
    // The look that runs the calling code would wait for itself.
    if (this.#running !== undefined && outerRuns.getStore()?.includes(this.#running) === true)
      return Promise.resolve();
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
  }

  #onEvent(event: LockEvent): void {
    if (event.type === 'quorum' && !event.atStart && event.quorum.reached) void this.look();
    const { key, policy } = this.#watched;
    const isHeld = event.type === 'skipped' && event.reason === 'held' && event.resources.includes(key);
    // Another worker has the tick. Should it die in it, nobody else would tell. With `retry` the call waits.
    if (isHeld && policy.abandoned === 'leave') this.#lookAtHolderIn(0);
  }

  #look(): Promise<void> {
    return this.#inspecting(async ({ lastRun, lastSuccess, status, remainingMs }, now) => {
      const { schedule, policy } = this.#watched;
      const due = dueRun(now, schedule, lastRun, policy);
      this.#tellSchedule(firstOpenTick(now, schedule, lastRun), lastRun, lastSuccess);
      if (due.kind === 'run') await this.#perform(due.tick);
      else if (due.kind === 'nothing') {
        if (due.why === 'may_still_run') this.#lookAgain();
      } else if (status === 'free') this.#tell(due, lastRun?.attempt ?? 0);
      else if (due.kind === 'abandoned') this.#lookAtHolderIn(remainingMs);
    });
  }

  /**
   * Looks whether the worker that had the lock died in its run, and runs nothing. This one may have been
   * refused because an earlier tick ran: the latest one is left then, and not run late as one that nobody
   * started.
   */
  #lookAtHolder(): Promise<void> {
    return this.#inspecting(({ lastRun, status, remainingMs }, now) => {
      const { schedule, policy } = this.#watched;
      const left = runLeft(now, schedule, lastRun, policy);
      if (left === undefined) return;
      if (status === 'free') this.#tell(left, lastRun?.attempt ?? 0);
      // Whether it is dead is not known while somebody has the lock.
      else this.#lookAtHolderIn(remainingMs);
    });
  }

  async #inspecting(use: (found: Inspection, nowMs: number) => void | Promise<void>): Promise<void> {
    const { key } = this.#watched;
    if (this.#isStopped) return;
    try {
      const found = await this.#context.inspect(key);
      if (!this.#isStopped) await use(found, wallMs(this.#context));
    } catch (error) {
      // It looks again when a majority of the nodes is back.
      if (error instanceof QuorumUnreachableError || error instanceof LockManagerClosedError) return;
      const message = messageOf(error);
      this.#context.warn(`the look at the ticks of "${key}" failed: ${message}`);
    }
  }

  async #perform(tick: number): Promise<void> {
    const run = (this.#running = {});
    try {
      const runs = [...(outerRuns.getStore() ?? []), run];
      await outerRuns.run(runs, () => this.#watched.perform(tick));
    } finally {
      this.#running = undefined;
    }
  }

  #tellSchedule(
    nextTick: number | undefined,
    lastRun: RunRecord | undefined,
    lastSuccess: number | undefined,
  ): void {
    const { name, key } = this.#watched;
    const lastTick = lastRun?.state === 'finished' ? lastRun.tick : undefined;
    this.#context.events.emit({ type: 'schedule', name, resources: [key], nextTick, lastTick, lastSuccess });
  }

  #lookAgain(): void {
    const { spreadMs } = this.#watched.policy;
    this.#context.clock.setTimer(() => void this.look(), LOOK_AGAIN_MS + spreadMs, 'background');
  }

  /** Looks at the holder when its keys have ended, unless it is alive. `endMs`: 0 if that is not known. */
  #lookAtHolderIn(endMs: number): void {
    if (this.#looksAtHolder) return;
    this.#looksAtHolder = true;
    const look = (): void => {
      this.#looksAtHolder = false;
      void this.#lookAtHolder();
    };
    const afterMs = Math.max(LOOK_AT_HOLDER_MS, endMs + AFTER_END_MS);
    this.#context.clock.setTimer(look, afterMs, 'background');
  }

  #tell({ kind, tick, why }: TickNotRun, attempt: number): void {
    const what = `${kind} ${tick}`;
    if (this.#told === what) return;
    this.#told = what;
    const { name, key } = this.#watched;
    const about = { name, resources: [key], tick, worker: this.#context.worker };
    const { events } = this.#context;
    if (kind === 'abandoned') events.emit({ ...about, attempt, type: 'tick_abandoned', reason: why });
    else if (why !== 'attempts') events.emit({ ...about, attempt: 0, type: 'tick_missed', reason: why });
  }
}
