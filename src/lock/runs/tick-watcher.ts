import { AsyncLocalStorage } from 'node:async_hooks';
import {
  dueRun,
  firstOpenTick,
  type DueRun,
  type RunPolicy,
  type TickSchedule,
} from '../../core/run-policy.js';
import type { RunRecord } from '../../core/run.js';
import { messageOf } from '../../api/callbacks.js';
import { LockManagerClosedError, QuorumUnreachableError } from '../../api/errors.js';
import type { LockEvent, QuorumSnapshot } from '../../api/events.js';
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

/**
 * After this and the spread, nobody starts a tick any more by its timer: the clocks of workers differ. So
 * often it looks, too, whether the lock of a run that has begun is free.
 */
const LOOK_AGAIN_MS = 61_000;

/**
 * `abandoned`: only whether a worker died in the latest tick, of which this one was refused the lock. It may
 * have been refused because an earlier tick ran: then the latest one is left, and not run late as one that
 * nobody started.
 */
type LookFor = 'all' | 'abandoned';

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
  /** What the next look is for; `undefined` while none is due. There is one at a time. */
  #again: LookFor | undefined;
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
    this.#looking ??= this.#look('all').finally(() => (this.#looking = undefined));
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
    if (isHeld && policy.abandoned === 'leave') this.#lookAgain('abandoned');
  }

  async #look(lookFor: LookFor): Promise<void> {
    const { key, schedule, policy } = this.#watched;
    if (this.#isStopped) return;
    try {
      const { lastRun, lastSuccess, status } = await this.#context.inspect(key);
      const now = wallMs(this.#context);
      const due = dueRun(now, schedule, lastRun, policy);
      if (this.#isStopped) return;
      this.#tellSchedule(firstOpenTick(now, schedule, lastRun), lastRun, lastSuccess);
      if (due.kind === 'abandoned') {
        // Whether its worker is dead is not known while somebody has the lock.
        if (status === 'free') this.#tell(due, lastRun?.attempt ?? 0);
        else this.#lookAgain('abandoned');
      }
      if (lookFor !== 'all') return;
      if (due.kind === 'run') await this.#perform(due.tick);
      else if (due.kind === 'missed' && status === 'free') this.#tell(due, 0);
      else if (due.kind === 'nothing' && due.why === 'may_still_run') this.#lookAgain('all');
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

  #lookAgain(lookFor: LookFor): void {
    const isSet = this.#again !== undefined;
    if (this.#again !== 'all') this.#again = lookFor;
    if (isSet) return;
    const look = (): void => {
      const isForAll = this.#again === 'all';
      this.#again = undefined;
      void (isForAll ? this.look() : this.#look('abandoned'));
    };
    this.#context.clock.setTimer(look, LOOK_AGAIN_MS + this.#watched.policy.spreadMs, 'background');
  }

  #tell({ kind, tick, why }: Extract<DueRun, { kind: 'missed' | 'abandoned' }>, attempt: number): void {
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
