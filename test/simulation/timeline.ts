/** A future event, which can be cancelled. */
export interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * The number of events after which the real event loop gets a turn, for messages between processes and for
 * unhandled rejections.
 */
const EVENTS_PER_TURN = 4_000;

/**
 * True time, which nothing in the simulation can read: a heap of events that run one after the other. All
 * promises settle between two events, as between two callbacks of Node's event loop.
 */
export class Timeline {
  #now = 0;
  #order = 0;
  #heap: Event[] = [];
  /** The number of events that have run. */
  count = 0;
  /** Called after every event, when all its effects have settled. */
  afterEach: () => void = () => undefined;

  /** Milliseconds of true time since the beginning. */
  get now(): number {
    return this.#now;
  }

  at(time: number, run: () => void): Event {
    const event: Event = { at: Math.max(time, this.#now), order: this.#order++, run };
    this.#push(event);
    return event;
  }

  after(delayMs: number, run: () => void): Event {
    return this.at(this.#now + delayMs, run);
  }

  /**
   * Runs all events up to an instant. Each event runs in a tick of Node's tick queue, and requests the next
   * tick from the first microtask that it leaves, because Node runs all microtasks before it reads that queue
   * again. That is many times faster than one turn of the event loop per event.
   */
  run(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let inTurn = 0;
      const next = (): void => {
        if (++inTurn < EVENTS_PER_TURN) {
          process.nextTick(step);
        } else {
          inTurn = 0;
          setImmediate(step);
        }
      };
      let begun = false;
      const step = (): void => {
        try {
          if (begun) this.afterEach();
          begun = true;
          const event = this.#take(until);
          if (event === undefined) {
            this.#now = until;
            resolve();
            return;
          }
          this.#now = event.at;
          this.count++;
          queueMicrotask(next);
          event.run?.();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      setImmediate(step);
    });
  }

  #take(until: number): Event | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) return undefined;
      this.#pop();
      if (first.run !== undefined) return first;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(event, heap[above]!)) break;
      heap[place] = heap[above]!;
      place = above;
    }
    heap[place] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[place] = heap[below]!;
      place = below;
    }
    heap[place] = last;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
