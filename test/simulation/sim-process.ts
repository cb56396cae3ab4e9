import type { Clock, Stamp, Timer } from '../../src/index.js';
import type { Rng } from './rng.js';
import type { Event, Timeline } from './timeline.js';

/** 2023-11-14: an epoch time, so that wall clocks look like wall clocks. */
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
 * One process on a machine of its own, as seen from outside: its clocks, its timers, and whether it runs at all.
 *
 * - `stopped`: SIGSTOP, a long garbage collection, a blocked event loop. Nothing runs, both clocks go on.
 * - `suspended`: the machine sleeps. Nothing runs, the monotonic clock stands still, the wall clock goes on.
 * - `dead`: nothing of it runs ever again.
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
  /** True time since which it has been running without a break. */
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

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** For how long, by its own monotonic clock, it did not run. */
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
   * As Node's: whole milliseconds, at least one, mostly a little late, and now and then up to a millisecond early, because
   * Node counts from the time of the loop's turn.
   */
  setTimer(callback: () => void, delayMs: number): Timer {
    const delay = Math.min(Math.max(1, Math.ceil(delayMs)), LONGEST_TIMER_MS);
    const off = this.rng.chance(0.1) ? this.rng.between(-0.99, 3) : this.rng.between(0, 0.4);
    const timer: SimTimer = { dueAt: this.now() + delay + off, callback, event: undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /** A process can be stopped in between. */
  afterTurn(callback: () => void): void {
    this.timeline.after(0, () => this.post(callback));
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.setTimer(resolve, delayMs));
  }

  /** Runs what came in from outside, now or when the process runs again; never in one that is dead. */
  post(io: () => void): void {
    if (this.#state === 'running') io();
    else if (this.#state !== 'dead') this.#backlog.push({ io });
  }

  stop(): void {
    this.#halt('stopped');
  }

  suspend(): void {
    this.#halt('suspended');
  }

  /** A process that was stopped looks at its timers first; one that was woken in its sleep, at its sockets. */
  resume(): void {
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
    this.#halt('dead');
    this.#backlog = [];
    for (const timer of this.#timers) this.#cancel(timer);
  }

  /** Sets the wall clock alone, to so much ahead of true time. */
  setWallSkew(skewMs: number): void {
    this.#wallAt += EPOCH_MS + this.timeline.now + skewMs - this.wallMs();
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
      // The machine slept in between.
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
