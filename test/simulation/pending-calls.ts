import type { SimProcess } from './sim-process.js';

interface PendingCall {
  readonly what: string;
  readonly startedAt: number;
  readonly stalledMs: number;
  readonly withinMs: number;
}

/** The calls of a client that have not ended. Each must end in time. */
export class PendingCalls {
  readonly #pending = new Set<PendingCall>();

  constructor(
    private readonly process: SimProcess,
    /** Is told of a call that has ended too late. */
    private readonly onLate: (detail: string) => void,
  ) {}

  /** Names the calls that should have ended. */
  overdue(): string[] {
    if (!this.process.isRunning) return [];
    return [...this.#pending].filter((call) => this.#spentMs(call) > call.withinMs).map(({ what }) => what);
  }

  async within<T>(what: string, withinMs: number, promise: Promise<T>): Promise<T> {
    const { process } = this;
    const call: PendingCall = { what, startedAt: process.now(), stalledMs: process.stalledMs, withinMs };
    this.#pending.add(call);
    try {
      return await promise;
    } finally {
      this.#pending.delete(call);
      const spentMs = this.#spentMs(call);
      if (spentMs > withinMs)
        this.onLate(`${what} took ${spentMs.toFixed(0)} ms, bound ${withinMs.toFixed(0)}`);
    }
  }

  /** By the process's own clock, without the time in which it did not run. */
  #spentMs({ startedAt, stalledMs }: PendingCall): number {
    return this.process.now() - startedAt - (this.process.stalledMs - stalledMs);
  }
}
