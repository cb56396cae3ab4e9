import { format } from 'node:util';
import type { LockManager, RunPolicyOptions, TickSchedule } from '../../index.js';
import type { LineLogger } from '../module-logger.js';

/** A method whose ticks are watched. */
export interface WatchedMethod {
  readonly key: string;
  readonly name: string;
  readonly method: string;
  readonly schedule: TickSchedule;
  readonly policy: RunPolicyOptions;
  /** Runs the method for a tick, as the scheduler would. */
  readonly run: (tick: number) => Promise<unknown>;
}

/** Watches the ticks of `@Cron` methods, from the start of the application to its shutdown. */
export class LateRuns {
  readonly #methods: WatchedMethod[] = [];

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
    for (const { key, name, method, schedule, policy, run } of this.#methods) {
      const { missed, maxLatenessMs, abandoned, attempts, spreadMs } = policy;
      const watched = {
        missed,
        maxLatenessMs: this.#usedBy(policy, maxLatenessMs),
        abandoned,
        attempts,
        spreadMs,
      };
      this.locks.watchTicks({ key, name, schedule, ...watched }, async (tick) => {
        try {
          await run(tick);
        } catch (error) {
          const message = error instanceof Error ? (error.stack ?? error.message) : format('%s', error);
          this.logger.error(`A late run failed: ${method}. ${message}`);
        }
      });
    }
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
