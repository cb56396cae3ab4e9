/**
 * Results that go on after their method has returned: an Observable, a stream, an async iterable. The lock of
 * the method is held until such a result has ended.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { finished, Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { isObservable, Observable } from 'rxjs';
import { LeaseLostError, type Lease } from '../../index.js';
import { Outstanding } from './outstanding.js';

/** A result that goes on. */
export interface LastingResult {
  /** What the caller gets in place of the result. */
  readonly value: unknown;
  /** Resolves when the last reader has read it to its end, or has left it. */
  readonly ended: Promise<void>;
}

/**
 * How long a result may wait for its first reader, in milliseconds, at most. A result that nobody reads would
 * keep the lock for good.
 */
const UNREAD_MS = 5_000;

/** A lease that is not valid for so long without an extension is for short work. */
const unreadMsOf = (lease: Lease): number => Math.min(UNREAD_MS, lease.remainingMs());

/** Whether an error says that the holder gave its lease away: then nothing is held, and nothing was lost. */
export const isGivenAway = (error: unknown): boolean =>
  error instanceof LeaseLostError && error.reason === 'transferred';

/**
 * Follows a result to its end, if it goes on after its method has returned; otherwise `undefined`. `onUnread`
 * hears that nobody began to read it in time, so that it counts as ended. Whoever comes later gets
 * a `LeaseLostError`, and so does a reader when the lease is lost. Where the method gave its lease away,
 * nothing is left to be held, and its result is given as it is.
 */
export function followResult(value: unknown, lease: Lease, onUnread: () => void): LastingResult | undefined {
  const stream = value instanceof StreamableFile ? value.getStream() : value;
  const isObserved = isObservable(value);
  if (!isObserved && !(stream instanceof Readable) && !isAsyncIterable(value)) return undefined;
  if (isGivenAway(lease.signal.reason)) return undefined;
  if (isObserved) return followObservable(value, new Readers(lease, onUnread));
  if (stream instanceof Readable) return { value, ended: streamEnded(stream, unreadMsOf(lease), onUnread) };
  return isAsyncIterable(value) ? followIterable(value, new Readers(lease, onUnread)) : undefined;
}

/**
 * The same for an async iterable that Nest sends piece by piece: it may be in the middle of a step when the
 * client goes away. Streams are not read by their steps. `sent`: when the response has ended, nobody begins.
 */
export function followSent(
  value: unknown,
  lease: Lease,
  sent: Promise<void>,
  onUnread: () => void,
): LastingResult | undefined {
  if (!isAsyncIterable(value) || typeof (value as { pipe?: unknown }).pipe === 'function') return undefined;
  if (isGivenAway(lease.signal.reason)) return undefined;
  const readers = new Readers(lease, onUnread);
  void sent.then(readers.endOffer);
  return followIterable(value, readers);
}

/** Those who read a result. */
class Readers {
  readonly #outstanding = new Outstanding();
  /**
   * Nobody else needs to come. The result is offered from the beginning, so that it does not count as ended.
   */
  readonly endOffer = this.#outstanding.begin();
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  constructor(
    private readonly lease: Lease,
    onUnread: () => void,
  ) {
    this.#timer = setTimeout(() => {
      onUnread();
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
    clearTimeout(this.#timer);
    this.endOffer();
    return end;
  }

  assertHeld(): void {
    if (this.#isOver) throw new LeaseLostError(this.lease.resources, 'released');
    this.lease.assertHeld();
  }

  /** Throws if the lease was lost. Its reader may go on if the method gave it away. */
  assertNotLost(): void {
    if (!isGivenAway(this.lease.signal.reason)) this.assertHeld();
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

function followObservable(source: Observable<unknown>, readers: Readers): LastingResult {
  // Its work begins when it is subscribed to. The work runs under the lease like the method itself.
  const inContext = AsyncLocalStorage.snapshot();
  const value = new Observable<unknown>((subscriber) => {
    try {
      const end = readers.begin();
      subscriber.add(readers.onLost((error) => subscriber.error(error)));
      subscriber.add(end);
    } catch (error) {
      return subscriber.error(error);
    }
    const subscription = inContext(() =>
      source.subscribe({
        next: (item) => subscriber.next(item),
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
    subscriber.add(() => subscription.unsubscribe());
    return undefined;
  });
  return { value, ended: readers.ended };
}

function streamEnded(stream: Readable, unreadMs: number, onUnread: () => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      if (Readable.isDisturbed(stream)) return;
      onUnread();
      resolve();
    }, unreadMs);
    timer.unref();
    finished(stream, { writable: false }, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Everything but the steps of the iteration is left as it is: such an object may have other methods. */
function followIterable(source: AsyncIterable<unknown> & object, readers: Readers): LastingResult {
  const own =
    'next' in source ? followIterator(source as AsyncIterator<unknown> & object, readers) : undefined;
  const value: object = new Proxy(source, {
    get(target, property) {
      if (property === Symbol.asyncIterator) {
        return () => (own === undefined ? followIterator(target[Symbol.asyncIterator](), readers) : value);
      }
      if (own !== undefined && Object.hasOwn(own, property)) return own[property as keyof typeof own];
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  return { value, ended: readers.ended };
}

function followIterator(iterator: AsyncIterator<unknown>, readers: Readers): AsyncIterableIterator<unknown> {
  const inContext = AsyncLocalStorage.snapshot();
  let end: (() => void) | undefined;
  const follow = async (step: () => Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
    try {
      end ??= readers.begin();
      readers.assertNotLost();
      const result = await inContext(step);
      if (result.done === true) end();
      return result;
    } catch (error) {
      end?.();
      if (error instanceof LeaseLostError) void iterator.return?.();
      throw error;
    }
  };
  return {
    next: () => follow(() => iterator.next()),
    throw: (error: unknown) =>
      follow(async () => {
        if (iterator.throw === undefined) throw error;
        return iterator.throw(error);
      }),
    return: async (value?: unknown) => {
      try {
        return (await inContext(async () => iterator.return?.(value))) ?? { done: true, value };
      } finally {
        (end ?? readers.endOffer)();
      }
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> & object =>
  typeof value === 'object' &&
  value !== null &&
  Symbol.asyncIterator in value &&
  // A stream of the web works only as it is. Nest sends it, and then the response tells its end.
  Object.prototype.toString.call(value) !== '[object ReadableStream]';
