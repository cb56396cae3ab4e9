import type { Clock, Stamp, Timer } from '../../src/testing/index.js';
import type { Rng } from './rng.js';
import type { Event, Timeline } from './timeline.js';

/** 2023-11-14: an epoch time, so that simulated wall times look real. */
export const EPOCH_MS = 1_700_000_000_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface SimTimer {
  readonly dueAt: number;
  readonly callback: () => void;
  event: Event | undefined;
}

type ProcessState = 'running' | 'stopped' | 'suspended' | 'dead';

type Work = { readonly timer: SimTimer } | { readonly io: () => void };

/**
 * One process on a machine of its own, seen from outside: its clocks, its timers, and whether it runs.
 *
 * - `stopped`: SIGSTOP, a long garbage collection, or a blocked event loop. Nothing runs; both clocks go on.
 *   Another thread is stopped with it, but not by a blocked event loop.
 * - `suspended`: the machine is suspended. Nothing runs; the monotonic clock stops; the wall clock goes on.
 * - `dead`: nothing runs ever again.
 */
export class SimProcess implements Clock {
  #state: ProcessState = 'running';
  #trueAt: number;
  #monotonicAt: number;
  #wallAt: number;
  #backlog: Work[] = [];
  readonly #timers = new Set<SimTimer>();
  #stalledMs = 0;
  #stalledAt = 0;
  #thread: SimProcess | undefined;
  /** The true time since which the process has run without a break. */
  runningSince: number;

  constructor(
    private readonly timeline: Timeline,
    private readonly rng: Rng,
    readonly rate: number,
    wallSkewMs: number,
  ) {
    this.#trueAt = timeline.now;
    this.runningSince = timeline.now;
    this.#monotonicAt = rng.between(0, 1e7);
    this.#wallAt = EPOCH_MS + timeline.now + wallSkewMs;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** The number of timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** The time in which the process did not run, by its own monotonic clock. */
  get stalledMs(): number {
    return this.#stalledMs + (this.isRunning ? 0 : this.now() - this.#stalledAt);
  }

  now(): number {
    const frozen = this.#state === 'suspended';
    return this.#monotonicAt + (frozen ? 0 : (this.timeline.now - this.#trueAt) * this.rate);
  }

  wallMs(): number {
    return this.#wallAt + (this.timeline.now - this.#trueAt) * this.rate;
  }

  stamp(): Stamp {
    return { monotonicMs: this.now(), wallMs: this.wallMs() };
  }

  /**
   * As Node's timers: whole milliseconds, at least one, mostly a little late, and sometimes up to one
   * millisecond early, because Node counts from the time of the loop's turn.
   */
  setTimer(callback: () => void, delayMs: number): Timer {
    const delay = Math.min(Math.max(1, Math.ceil(delayMs)), LONGEST_TIMER_MS);
    const off = this.rng.chance(0.1) ? this.rng.between(-0.99, 3) : this.rng.between(0, 0.4);
    const timer: SimTimer = { dueAt: this.now() + delay + off, callback, event: undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /** The process can be stopped before the callback runs. */
  afterTurn(callback: () => void): void {
    this.timeline.after(0, () => this.post(callback));
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.setTimer(resolve, delayMs));
  }

  /** Runs a callback from outside, now or when the process runs again; never if it is dead. */
  post(io: () => void): void {
    if (this.#state === 'running') io();
    else if (this.#state !== 'dead') this.#backlog.push({ io });
  }

  /** Another thread of the process: an event loop of its own, and the same clocks. */
  startThread(): SimProcess {
    const thread = new SimProcess(this.timeline, this.rng.fork(), this.rate, 0);
    thread.#monotonicAt = this.now();
    thread.#wallAt = this.wallMs();
    this.#thread = thread;
    return thread;
  }

  /** The event loop is blocked. Another thread runs on. */
  block(): void {
    this.#halt('stopped');
  }

  stop(): void {
    this.#halt('stopped');
    this.#thread?.stop();
  }

  suspend(): void {
    this.#halt('suspended');
    this.#thread?.suspend();
  }

  /**
   * A process that was stopped runs its timers first. One whose machine was suspended reads its sockets
   * first.
   */
  resume(): void {
    this.#thread?.resume();
    if (this.#state !== 'stopped' && this.#state !== 'suspended') return;
    this.#stalledMs += this.now() - this.#stalledAt;
    this.#anchor();
    this.#state = 'running';
    this.runningSince = this.timeline.now;
    const backlog = this.#backlog;
    this.#backlog = [];
    const timersFirst = this.rng.chance(0.5);
    const isFirst = (work: Work): boolean => 'timer' in work === timersFirst;
    for (const work of [...backlog.filter(isFirst), ...backlog.filter((one) => !isFirst(one))]) {
      this.timeline.after(0, () => ('timer' in work ? this.#fire(work.timer) : this.post(work.io)));
    }
  }

  kill(): void {
    this.#thread?.kill();
    this.#halt('dead');
    this.#backlog = [];
    for (const timer of this.#timers) this.#cancel(timer);
  }

  /** Sets only the wall clock, to `skewMs` ahead of true time. */
  setWallSkew(skewMs: number): void {
    this.#wallAt += EPOCH_MS + this.timeline.now + skewMs - this.wallMs();
    this.#thread?.setWallSkew(skewMs);
  }

  #halt(state: ProcessState): void {
    if (this.#state === 'dead') return;
    this.#anchor();
    if (this.isRunning) this.#stalledAt = this.now();
    this.#state = state;
  }

  #anchor(): void {
    this.#monotonicAt = this.now();
    this.#wallAt = this.wallMs();
    this.#trueAt = this.timeline.now;
  }

  #arm(timer: SimTimer): void {
    timer.event = this.timeline.after((timer.dueAt - this.now()) / this.rate, () => this.#fire(timer));
  }

  #fire(timer: SimTimer): void {
    if (!this.#timers.has(timer)) return;
    if (!this.isRunning) {
      this.#backlog.push({ timer });
    } else if (this.now() < timer.dueAt - 1e-6) {
      // The machine was suspended in between.
      this.#arm(timer);
    } else {
      this.#timers.delete(timer);
      timer.callback();
    }
  }

  #cancel(timer: SimTimer): void {
    this.#timers.delete(timer);
    if (timer.event !== undefined) timer.event.run = undefined;
  }
}
