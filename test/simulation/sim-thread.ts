import type { StallMessage, StallThread } from '../../src/lock/stall/stall-guard.js';
import type { WorkerParts } from '../../src/lock/stall/worker-parts.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** How long a message between two threads takes. */
const MESSAGE_MS = 0.05;

/**
 * The worker thread of a simulated process. It runs what the real one runs, over connections of its own. The
 * memory that both threads share is real; here it is read and written between two callbacks only, never in
 * the middle of one.
 */
export class SimThread implements StallThread {
  #parts: WorkerParts | undefined;
  /** The messages that came before it had started. */
  #waiting: StallMessage[] = [];

  constructor(
    private readonly process: SimProcess,
    private readonly timeline: Timeline,
    makeParts: () => WorkerParts,
    startsWithinMs: number,
  ) {
    timeline.after(startsWithinMs, () =>
      process.post(() => {
        this.#parts = makeParts();
        for (const message of this.#waiting.splice(0)) this.#parts.receive(message);
      }),
    );
  }

  postMessage(message: StallMessage): void {
    this.timeline.after(MESSAGE_MS, () => this.process.post(() => this.#receive(message)));
  }

  /** It never fails by itself. */
  on(): void {}

  unref(): void {}

  terminate(): Promise<void> {
    this.process.kill();
    return Promise.resolve();
  }

  #receive(message: StallMessage): void {
    if (this.#parts === undefined) this.#waiting.push(message);
    else this.#parts.receive(message);
  }
}
