/** Those who read a result that goes on, and how long the lock of its method is held for them. */
import { LeaseLostError, type Lease } from '../../index.js';
import { Outstanding } from './outstanding.js';

/** Who hears what becomes of a result that goes on. */
export interface ResultListener {
  /** Somebody begins to read it. Returns what tells the end of that. */
  readonly onRead: () => () => void;
  /** Nobody began to read it in time, so that it counts as ended. */
  readonly onUnread: () => void;
  /** Its reader leaves an async iterable before the end, which is told of it afterwards. */
  readonly onLeft: () => void;
}

/**
 * How long a result may wait for its first reader, in milliseconds, at most. A result that nobody reads would
 * keep the lock for good.
 */
const UNREAD_MS = 5_000;

/** A lease that is not valid for so long without an extension is for short work. */
export const unreadMsOf = (lease: Lease): number => Math.min(UNREAD_MS, lease.remainingMs());

/** Whether an error says that the holder gave its lease away: then nothing is held, and nothing was lost. */
export const isGivenAway = (error: unknown): boolean =>
  error instanceof LeaseLostError && error.reason === 'transferred';

/** Those who read a result. */
export class Readers {
  readonly #outstanding = new Outstanding();
  /**
   * Nobody else needs to come. The result is offered from the beginning, so that it does not count as ended.
   */
  readonly endOffer = this.#outstanding.begin();
  readonly #timer: NodeJS.Timeout;
  #isOver = false;
  /** How many read now. */
  #reading = 0;

  constructor(
    private readonly lease: Lease,
    private readonly listener: ResultListener,
  ) {
    this.#timer = setTimeout(() => {
      listener.onUnread();
      this.endOffer();
    }, unreadMsOf(lease));
    this.#timer.unref();
    // When the request has ended, nobody will begin to read, and when the lease is lost, nobody may.
    lease.signal.addEventListener('abort', this.endOffer, { once: true });
    if (lease.signal.aborted) this.endOffer();
    void this.ended.then(() => {
      this.#isOver = true;
      clearTimeout(this.#timer);
      lease.signal.removeEventListener('abort', this.endOffer);
    });
  }

  get ended(): Promise<void> {
    return this.#outstanding.ended;
  }

  /** Somebody begins to read. Returns what tells the end of it. Throws if the lock is not held any more. */
  begin(): () => void {
    this.assertHeld();
    const end = this.#outstanding.begin();
    const tellEnd = this.listener.onRead();
    let isReading = true;
    this.#reading++;
    clearTimeout(this.#timer);
    this.endOffer();
    return () => {
      if (!isReading) return;
      isReading = false;
      this.#reading--;
      tellEnd();
      end();
    };
  }

  assertHeld(): void {
    if (this.#isOver) throw new LeaseLostError(this.lease.resources, 'released');
    this.lease.assertHeld();
  }

  /** Throws if the lease was lost. Its reader may go on if the method gave it away. */
  assertNotLost(): void {
    if (!isGivenAway(this.lease.signal.reason)) this.assertHeld();
  }

  /** A reader leaves before the end. The last one tells it to what is read, which may wait in a step. */
  leave(): void {
    if (this.#reading === 1) this.listener.onLeft();
  }

  /** Waits for a step, but not after the lease is lost: nothing that comes then is a result. */
  async untilLost<T>(step: Promise<T>): Promise<T> {
    let stop = (): void => undefined;
    const lost = new Promise<never>((_, reject) => (stop = this.onLost(reject)));
    try {
      return await Promise.race([step, lost]);
    } finally {
      stop();
    }
  }

  /** Calls back when the lease is lost while somebody reads. Returns what stops that. */
  onLost(listener: (error: LeaseLostError) => void): () => void {
    const { signal } = this.lease;
    const onAbort = (): void => {
      if (signal.reason instanceof LeaseLostError && !isGivenAway(signal.reason)) listener(signal.reason);
    };
    signal.addEventListener('abort', onAbort);
    return () => signal.removeEventListener('abort', onAbort);
  }
}
