import { AsyncLocalStorage } from 'node:async_hooks';
import { defer, finalize, from, isObservable, tap } from 'rxjs';
import { LeaseLostError, type Lease } from '../../index.js';
import type { Method } from '../locked-method.js';
import { copyMetadata } from '../nest-metadata.js';
import { Outstanding } from './outstanding.js';
import { isGivenAway } from './readers.js';
import type { RequestScope } from './request-scope.js';

const handlings = new AsyncLocalStorage<Handling | undefined>();

/** What goes on under the lock of one request of a locked handler. */
export class Handling {
  readonly outstanding = new Outstanding();

  constructor(
    /** The description of the handler by its decorator. */
    private readonly handler: object,
    private readonly scope: RequestScope,
    private readonly lease: Lease,
  ) {}

  /** Runs code in which the handler's method finds this handling. */
  run<T>(code: () => T): T {
    return handlings.run(this, code);
  }

  /** Whether this call of a method handles the request. Calls from inside of it find no handling. */
  isCallOf(handler: object): boolean {
    return this.handler === handler;
  }

  /**
   * Calls the handler's method, and waits for its promise, and for an Observable that it gives, although
   * nobody may be interested in them any more. Without the lease, or when the request has ended while its
   * pipes ran, the method does not run. An interceptor that tries again, such as by `retry()`, calls it more
   * than once.
   */
  call(method: () => unknown): unknown {
    const end = this.#begin();
    try {
      const result = handlings.run(undefined, method);
      if (!isThenable(result)) {
        end();
        return this.#whileRead(result);
      }
      // The `then` of a query builder may begin its work, so it is called once.
      const promise = Promise.resolve(result);
      promise.then(end, end);
      return promise.then((value) => this.#whileRead(value));
    } catch (error) {
      end();
      throw error;
    }
  }

  /** An interceptor inside of the lock may read on when the request has ended, such as by `shareReplay()`. */
  #whileRead(result: unknown): unknown {
    if (!isObservable(result) || isGivenAway(this.lease.signal.reason)) return result;
    return defer(() => {
      const end = this.#begin();
      return from(result).pipe(tap({ error: end, complete: end }), finalize(end));
    });
  }

  /** Work of the handler begins. Returns what tells its end; a second call of that has no effect. */
  #begin(): () => void {
    const { signal, resources } = this.lease;
    if (signal.aborted) throw signal.reason;
    if (this.outstanding.isOver) throw new LeaseLostError(resources, 'released');
    const tellEnd = this.scope.begin();
    const end = this.outstanding.begin();
    return () => {
      tellEnd();
      end();
    };
  }
}

/** The method of a locked handler, as Nest calls it: each request waits for the promise of its own call. */
export function followHandler(handler: object, original: Method): Method {
  const wrapper = function (this: object, ...args: unknown[]): unknown {
    const handling = handlings.getStore();
    const call = (): unknown => original.apply(this, args);
    return handling?.isCallOf(handler) === true ? handling.call(call) : call();
  };
  copyMetadata(original, wrapper);
  return wrapper;
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === 'object' || typeof value === 'function') &&
  typeof (value as PromiseLike<unknown> | null)?.then === 'function';
