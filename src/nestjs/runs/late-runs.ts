import { format } from 'node:util';
import type { LockManager, RunPolicyOptions, TickSchedule, TickWatch } from '../../index.js';
import type { LineLogger } from '../log/module-logger.js';

/** A method whose ticks are watched. */
export interface WatchedMethod {
  readonly key: string;
  readonly name: string;
  readonly method: string;
  readonly schedule: TickSchedule;
  readonly policy: RunPolicyOptions;
  /**
   * Whether the scheduler of this application calls the method. If not, the ticks are those of other
   * processes.
   */
  readonly isScheduled: () => boolean;
  /** Whether it runs on a leader only. */
  readonly isLed: boolean;
  /** Runs the method for a tick, as the scheduler would. */
  readonly run: (tick: number) => Promise<unknown>;
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : format('%s', error);

/** Watches the ticks of `@Cron` methods, from the start of the application to its shutdown. */
export class LateRuns {
  readonly #methods: WatchedMethod[] = [];
  /** Those that are not watched yet; `undefined` until the application has started. */
  #waiting: Set<WatchedMethod> | undefined;
  #isStarting = false;
  /** The watches of methods that run on a leader only. */
  readonly #led: TickWatch[] = [];

  constructor(
    private readonly locks: LockManager,
    private readonly logger: LineLogger,
  ) {}

  /** A method of the application has ticks. It is watched when the application has started. */
  add(watched: WatchedMethod): void {
    this.#methods.push(watched);
    this.#reportLateness(watched);
  }

  /** Whether a method is run late, so that a lazy module has to look at the nodes. */
  get isNeeded(): boolean {
    return this.#methods.some(({ policy }) => policy.missed === 'once' || policy.abandoned === 'retry');
  }

  /** The application has started. */
  start(): void {
    this.#waiting = new Set(this.#methods);
    void this.#startWaiting();
  }

  /** The scheduler has got a job, maybe that of a method that waits for it. */
  onJobAdded(): void {
    void this.#startWaiting();
  }

  /** This application leads from now on: a tick that was missed before runs here. */
  async onElected(): Promise<void> {
    for (const watch of this.#led) await watch.look();
  }

  /**
   * One at a time: to find the latest tick of a schedule takes milliseconds, and there may be hundreds. All
   * at once they would block the event loop.
   */
  async #startWaiting(): Promise<void> {
    if (this.#isStarting || this.#waiting === undefined) return;
    this.#isStarting = true;
    let next: WatchedMethod | undefined;
    while ((next = this.#nextScheduled()) !== undefined) {
      this.#waiting.delete(next);
      const { method } = next;
      // The others are watched all the same.
      await this.#watch(next).catch((error: unknown) =>
        this.logger.error(`The ticks of a method are not watched: ${method}. ${textOf(error)}`),
      );
    }
    this.#isStarting = false;
  }

  #nextScheduled(): WatchedMethod | undefined {
    if (this.locks.closed) return undefined;
    return [...(this.#waiting ?? [])].find(({ isScheduled }) => isScheduled());
  }

  /** Resolves when the ticks have been looked at. A late run that follows is not waited for. */
  #watch({ key, name, method, schedule, policy, isLed, run }: WatchedMethod): Promise<void> {
    const { missed, maxLatenessMs, abandoned, attempts, spreadMs } = policy;
    const watched = {
      missed,
      maxLatenessMs: this.#usedBy(policy, maxLatenessMs),
      abandoned,
      attempts,
      spreadMs,
    };
    return new Promise((resolve, reject) => {
      const watch = this.locks.watchTicks({ key, name, schedule, ...watched }, async (tick) => {
        resolve();
        try {
          await run(tick);
        } catch (error) {
          this.logger.error(`A late run failed: ${method}. ${textOf(error)}`);
        }
      });
      if (isLed) this.#led.push(watch);
      watch.look().then(resolve, reject);
    });
  }

  /** With `overlap: 'wait'` alone nothing is watched for that could be late. */
  #usedBy({ missed, abandoned }: RunPolicyOptions, maxLatenessMs: number | undefined): number | undefined {
    return missed === 'once' || abandoned === 'retry' ? maxLatenessMs : undefined;
  }

  #reportLateness({ method, schedule, policy }: WatchedMethod): void {
    const { missed, maxLatenessMs } = policy;
    if (missed !== 'once' || maxLatenessMs === undefined) return;
    const first = schedule.next(Date.now());
    const second = first === undefined ? undefined : schedule.next(first);
    if (first === undefined || second === undefined || maxLatenessMs <= second - first) return;
    this.logger.warn(
      `${method}: maxLateness (${maxLatenessMs / 1_000} s) is above the distance of its ticks ` +
        `(${(second - first) / 1_000} s): of several missed ticks only the latest is run`,
    );
  }
}
