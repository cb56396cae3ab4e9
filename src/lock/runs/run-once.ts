import { afterRefusal, latestStartMs, type NextStep, type RunRefusal } from '../../core/run-policy.js';
import { isTickForgotten } from '../../core/run-votes.js';
import { jitteredMs } from '../../core/backoff.js';
import { LockError, LockNotAcquiredError, QuorumUnreachableError } from '../../api/errors.js';
import type { LockEvent } from '../../api/events.js';
import type { AcquireOptions } from '../../api/options.js';
import type { ResolvedLockOptions } from '../../api/resolved-options.js';
import type { RunResult } from '../../api/run.js';
import type { HeldLease } from '../lease/held-lease.js';
import type { ResolvedRun } from '../validation/run-options.js';
import { runBody, type RunRoutine } from './run-body.js';
import { pauseFor, waitUntil, wallMs, type RunContext } from './run-context.js';

/** What came of asking for the tick. */
type TickAnswer<T> =
  { readonly held: HeldLease } | { readonly stopped: Extract<RunResult<T>, { ran: false }> };

type TickEvent = Extract<LockEvent, { readonly type: 'tick_missed' | 'tick_abandoned' }>;

/** One call of `runOnce`: asks for the tick, does what the policy says when refused, and runs the routine. */
export class RunOnce<T> {
  readonly #context: RunContext;
  readonly #key: string;
  readonly #run: ResolvedRun;
  /** The options of its acquire calls with their defaults. */
  readonly #terms: ResolvedLockOptions;
  readonly #routine: RunRoutine<T>;

  constructor(
    context: RunContext,
    key: string,
    run: ResolvedRun,
    terms: ResolvedLockOptions,
    routine: RunRoutine<T>,
  ) {
    this.#context = context;
    this.#key = key;
    this.#run = run;
    this.#terms = terms;
    this.#routine = routine;
  }

  async run(): Promise<RunResult<T>> {
    const { policy, tick } = this.#run;
    const { signal } = this.#run.acquireOptions;
    if (policy.spreadMs > 0 && tick !== undefined)
      await pauseFor(this.#context, this.#context.random() * policy.spreadMs, signal);
    let failure: { readonly error: unknown } | undefined;
    for (;;) {
      const asked = await (failure === undefined ? this.#ask() : this.#askAgain(failure.error));
      if ('stopped' in asked) {
        // Another worker has run it since, or nobody does any more.
        if (failure !== undefined) throw failure.error;
        return asked.stopped;
      }
      const { held } = asked;
      try {
        const value = await runBody(this.#context, held, this.#run, this.#routine);
        return { ran: true, value, attempt: held.attempt };
      } catch (error) {
        if (!this.#mayRunAgain(held)) throw error;
        failure = { error };
        // The others are asked first: what failed here may succeed elsewhere.
        await this.#pause();
      }
    }
  }

  /** Whether a run that failed here is tried again: its lease is not lost, and attempts are left. */
  #mayRunAgain(held: HeldLease): boolean {
    const { policy, acquireOptions } = this.#run;
    const isOver = held.signal.aborted || acquireOptions.signal?.aborted === true;
    return (
      policy.retryOnError && !isOver && (held.attempt ?? policy.attempts) < policy.attempts && this.#isInTime
    );
  }

  /** Asks again after a run that failed. An error of the locks has the failure as its cause. */
  async #askAgain(failure: unknown): Promise<TickAnswer<T>> {
    try {
      return await this.#ask({ isRetry: true });
    } catch (error) {
      if (error instanceof LockError) error.cause ??= failure;
      throw error;
    }
  }

  /** Asks until the tick is acquired, or there is nothing left to ask for. */
  async #ask({ isRetry = false } = {}): Promise<TickAnswer<T>> {
    let options = isRetry ? this.#retrying() : this.#first();
    let hasWaited = false;
    for (;;) {
      let error: unknown;
      try {
        const held = await this.#context.acquire(this.#key, options);
        if (hasWaited) this.#tellIfRetried(held);
        return { held };
      } catch (thrown) {
        error = thrown;
      }
      const { tick } = this.#run;
      const refusal = await this.#refusalOf(error);
      if (tick === undefined || refusal === undefined) {
        if (tick === undefined && error instanceof LockNotAcquiredError && error.reason === 'held')
          return { stopped: { ran: false, reason: 'held', error } };
        throw error;
      }
      if (refusal === 'gone') continue;
      const mayBegin = this.#isInTime && !(refusal.kind === 'no_majority' && this.#isSuperseded);
      const step = afterRefusal(tick, refusal, mayBegin, this.#run.policy);
      this.#tell(tick, refusal, step);
      if (step.kind === 'fail') throw error;
      if (step.kind === 'stop') {
        if (!(error instanceof LockNotAcquiredError)) throw error;
        return { stopped: { ran: false, reason: step.why, error } };
      }
      if (step.kind === 'again') await this.#pause();
      if (step.kind === 'retry') options = this.#retrying();
      if (step.kind !== 'wait') continue;
      options = this.#waiting(step.retry);
      hasWaited = true;
    }
  }

  /**
   * A worker that waited while another one ran the tick learns from its own attempt that the run did not end.
   * With `retryOnError` a run that failed looks the same, and has been told.
   */
  #tellIfRetried({ attempt = 1 }: HeldLease): void {
    const { tick, policy } = this.#run;
    if (tick === undefined || attempt === 1 || policy.retryOnError) return;
    this.#emitAbandoned(tick, attempt - 1);
  }

  #first(): AcquireOptions {
    const { acquireOptions, tick } = this.#run;
    return tick === undefined ? acquireOptions : { ...acquireOptions, tick };
  }

  #retrying(): AcquireOptions {
    return { ...this.#bounded(), waitMs: 0, retry: true, attempts: this.#run.policy.attempts };
  }

  #waiting(retry: boolean): AcquireOptions {
    const waitMs = waitUntil(this.#latestStart, wallMs(this.#context));
    return retry ? { ...this.#retrying(), waitMs } : { ...this.#bounded(), waitMs };
  }

  /** The options of a call whose wait is decided here. */
  #bounded(): AcquireOptions {
    return { ...this.#first(), retries: 0, wait: false };
  }

  get #latestStart(): number {
    const { tick, nextTick, policy } = this.#run;
    return tick === undefined ? Number.POSITIVE_INFINITY : latestStartMs(tick, nextTick, policy);
  }

  /** The next tick has come: of those that nobody could start, only the latest is run. */
  get #isSuperseded(): boolean {
    const { nextTick } = this.#run;
    return nextTick !== undefined && wallMs(this.#context) >= nextTick;
  }

  get #isInTime(): boolean {
    return wallMs(this.#context) <= this.#latestStart;
  }

  /** `gone`: the holder has released it meanwhile. `undefined`: the error is none of a refusal. */
  async #refusalOf(error: unknown): Promise<RunRefusal | 'gone' | undefined> {
    if (error instanceof QuorumUnreachableError)
      return { kind: isTickForgotten(error.votes.map(({ vote }) => vote)) ? 'forgotten' : 'no_majority' };
    if (!(error instanceof LockNotAcquiredError)) return undefined;
    if (error.reason === 'contended') return { kind: 'no_majority' };
    if (error.reason === 'already_ran') return { kind: 'already_ran', known: error.run };
    const { abandoned, overlap } = this.#run.policy;
    // Without these it makes no difference what the holder runs, and nobody needs to be asked.
    if (abandoned === 'leave' && overlap === 'skip') return { kind: 'held', runs: 'this_tick' };
    return this.#lookAtHolder();
  }

  /**
   * Asks the nodes what the holder runs. One that was granted this very tick has it on record a moment later.
   */
  async #lookAtHolder(): Promise<RunRefusal | 'gone'> {
    const { tick } = this.#run;
    for (let look = 0; ; look++) {
      try {
        const { lastRun, status } = await this.#context.inspect(this.#key);
        if (lastRun !== undefined && lastRun.tick > tick!) return { kind: 'already_ran', known: lastRun };
        if (lastRun?.tick === tick) return { kind: 'held', runs: 'this_tick' };
        if (status === 'free') return 'gone';
      } catch (error) {
        if (error instanceof QuorumUnreachableError) return { kind: 'no_majority' };
        throw error;
      }
      if (look > 0) return { kind: 'held', runs: 'something_else' };
      await pauseFor(this.#context, 2 * this.#terms.nodeTimeoutMs, this.#run.acquireOptions.signal);
    }
  }

  #pause(): Promise<void> {
    const { random } = this.#context;
    return pauseFor(
      this.#context,
      jitteredMs(this.#terms.retryDelayMs, random()),
      this.#run.acquireOptions.signal,
    );
  }

  #tell(tick: number, refusal: RunRefusal, step: NextStep): void {
    const attempt = refusal.kind === 'already_ran' ? (refusal.known?.attempt ?? 0) : 0;
    if (step.kind === 'retry') return this.#emitAbandoned(tick, attempt);
    const event = tickEvent(this.#about(tick, attempt), refusal, step, this.#run.policy.missed);
    if (event !== undefined) this.#context.events.emit(event);
  }

  #emitAbandoned(tick: number, attempt: number): void {
    this.#context.events.emit({ ...this.#about(tick, attempt), type: 'tick_abandoned', reason: 'retried' });
  }

  #about(tick: number, attempt: number): Omit<TickEvent, 'type' | 'reason'> {
    const name = this.#run.acquireOptions.name!;
    return { name, resources: [this.#key], tick, attempt, worker: this.#context.worker };
  }
}

/** What a refusal tells about the tick; `undefined`: nothing that anybody needs to know. */
function tickEvent(
  about: Omit<TickEvent, 'type' | 'reason'>,
  refusal: RunRefusal,
  step: NextStep,
  missed: 'skip' | 'once',
): LockEvent | undefined {
  if (refusal.kind === 'forgotten') return { ...about, type: 'tick_missed', reason: 'forgotten' };
  if (step.kind === 'fail' && missed === 'once')
    return { ...about, type: 'tick_missed', reason: 'unreachable' };
  if (step.kind !== 'stop') return undefined;
  const wasStarted = refusal.kind === 'already_ran';
  switch (step.why) {
    case 'overlap':
      return { ...about, type: 'tick_missed', reason: 'overlap' };
    case 'abandoned':
      return { ...about, type: 'tick_abandoned', reason: 'policy' };
    case 'attempts':
      return { ...about, type: 'tick_abandoned', reason: 'attempts' };
    case 'too_late':
      return wasStarted
        ? { ...about, type: 'tick_abandoned', reason: 'too_late' }
        : refusal.kind === 'held' && refusal.runs === 'something_else'
          ? { ...about, type: 'tick_missed', reason: 'overlap' }
          : undefined;
    default:
      return undefined;
  }
}
