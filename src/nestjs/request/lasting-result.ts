/**
 * Results that go on after their method has returned: an Observable, a stream, an async iterable. The lock of
 * the method is held until such a result has ended.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { finished, Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { isObservable, Observable } from 'rxjs';
import { LeaseLostError, type Lease } from '../../index.js';
import { isGivenAway, Readers, unreadMsOf, type ResultListener } from './readers.js';

/** A result that goes on. */
export interface LastingResult {
  /** What the caller gets in place of the result. */
  readonly value: unknown;
  /** Resolves when the last reader has read it to its end, or has left it. */
  readonly ended: Promise<void>;
}

/**
 * Follows a result to its end, if it goes on after its method has returned; otherwise `undefined`. Whoever
 * comes after its end gets a `LeaseLostError`, and so does a reader when the lease is lost. Where the method
 * gave its lease away, nothing is left to be held, and its result is given as it is.
 */
export function followResult(
  value: unknown,
  lease: Lease,
  listener: ResultListener,
): LastingResult | undefined {
  const stream = value instanceof StreamableFile ? value.getStream() : value;
  const isObserved = isObservable(value);
  if (!isObserved && !(stream instanceof Readable) && !isAsyncIterable(value)) return undefined;
  if (isGivenAway(lease.signal.reason)) return undefined;
  if (isObserved) return followObservable(value, new Readers(lease, listener));
  if (stream instanceof Readable)
    return { value, ended: streamEnded(stream, unreadMsOf(lease), listener.onUnread) };
  return isAsyncIterable(value) ? followIterable(value, new Readers(lease, listener)) : undefined;
}

/**
 * The same for an async iterable that Nest sends piece by piece: it may be in the middle of a step when the
 * client goes away. Streams are not read by their steps. `sent`: when the response has ended, nobody begins.
 */
export function followSent(
  value: unknown,
  lease: Lease,
  sent: Promise<void>,
  listener: ResultListener,
): LastingResult | undefined {
  if (!isAsyncIterable(value) || typeof (value as { pipe?: unknown }).pipe === 'function') return undefined;
  if (isGivenAway(lease.signal.reason)) return undefined;
  const readers = new Readers(lease, listener);
  void sent.then(readers.endOffer);
  return followIterable(value, readers);
}

function followObservable(source: Observable<unknown>, readers: Readers): LastingResult {
  // Its work begins when it is subscribed to. The work runs under the lease like the method itself.
  const inContext = AsyncLocalStorage.snapshot();
  const value = new Observable<unknown>((subscriber) => {
    let end: () => void;
    try {
      end = readers.begin();
      subscriber.add(readers.onLost((error) => subscriber.error(error)));
      subscriber.add(end);
    } catch (error) {
      return subscriber.error(error);
    }
    const subscription = inContext(() =>
      source.subscribe({
        next: (item) => subscriber.next(item),
        error: (error: unknown) => {
          end();
          subscriber.error(error);
        },
        complete: () => {
          end();
          subscriber.complete();
        },
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
  let isOver = false;
  const follow = async (step: () => Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
    let stepping: Promise<IteratorResult<unknown>> | undefined;
    try {
      end ??= readers.begin();
      readers.assertNotLost();
      stepping = inContext(step);
      const result = await readers.untilLost(stepping);
      if (result.done !== true) return result;
      isOver = true;
      end();
      return result;
    } catch (error) {
      isOver = true;
      // The reader does not wait for the step, but the lock does.
      const isLost = error instanceof LeaseLostError;
      const stopped = isLost ? inContext(async () => iterator.return?.()) : undefined;
      void Promise.allSettled([stepping, stopped]).then(end);
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
      if (end !== undefined && !isOver) readers.leave();
      isOver = true;
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
