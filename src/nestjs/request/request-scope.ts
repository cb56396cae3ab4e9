import { AsyncLocalStorage } from 'node:async_hooks';
import { IntrinsicException, type ExecutionContext } from '@nestjs/common';
import { isEventStream, nameOfHandler, sendsItsResponse } from '../nest-metadata.js';
import { callerOfContext, grpcCallOf, type Caller } from '../refusal/caller.js';
import { sharedByCopies } from '../shared-by-copies.js';
import { graphqlResponseOf, rawResponseOf, whenEnded, type RawResponse } from './response.js';

/**
 * Why the signal of a handler's lease aborted although the lease is held: the request has ended before its
 * handler, by a timeout, or because the client went away. Nobody waits for the result any more.
 */
export class RequestEndedError extends IntrinsicException {
  readonly code = 'REQUEST_ENDED';

  constructor() {
    super('the request ended before its handler: nobody waits for the result any more');
    this.name = new.target.name;
  }
}

const scopes = sharedByCopies('request-scopes:1', () => new AsyncLocalStorage<RequestScope | undefined>());

/** One request whose handler is locked: the signal that tells its early end, and its response. */
export class RequestScope {
  /** The response, if it is an HTTP request. */
  readonly response: RawResponse | undefined;
  /** Resolves when the response has ended. One for all who wait: a response warns of many listeners. */
  readonly responseEnded: Promise<void>;
  readonly #context: ExecutionContext;
  readonly #ended = new AbortController();
  #isCalled = false;
  /** How many calls of the handler's method go on. */
  #running = 0;

  constructor(context: ExecutionContext) {
    this.#context = context;
    this.response = rawResponseOf(context);
    grpcCallOf(context)?.on('cancelled', () => this.leave());
    const response = this.response ?? graphqlResponseOf(context);
    this.responseEnded = new Promise((resolve) => {
      if (response === undefined) return resolve();
      whenEnded(response, (isSent) => {
        if (!isSent) this.leave();
        resolve();
      });
    });
  }

  /** Aborts with a `RequestEndedError` when the request ends before its handler. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Whether the handler goes on with the response after its result is there: it sends it, or it emits events.
   */
  get isResponseOpen(): boolean {
    if (this.response === undefined) return false;
    const [owner, handler] = [this.#context.getClass(), this.#context.getHandler()];
    return isEventStream(handler) || sendsItsResponse(owner, nameOfHandler(owner, handler));
  }

  /** Who waits for the result: a method may be a route and a handler of messages. */
  get caller(): Caller {
    return callerOfContext(this.#context);
  }

  /** Whether a call of this method of the instance, in the context of the request, handles it. */
  isHandledBy(instance: object, property: string | symbol): boolean {
    const method = (instance as Record<string | symbol, unknown>)[property];
    return method === this.#context.getHandler() && instance instanceof this.#context.getClass();
  }

  /** Runs code in which `requestHandledBy` finds this request. */
  run<T>(code: () => T): T {
    return scopes.run(this, code);
  }

  /** Whether the handler's method has been called, and its promise has not settled. */
  get isRunning(): boolean {
    return this.#running > 0;
  }

  /**
   * The handler's method is called now: more than once where an interceptor tries again, such as by
   * `retry()`. Returns what tells that its promise has settled; a second call of that has no effect.
   */
  begin(): () => void {
    this.#isCalled = true;
    this.#running++;
    let isOpen = true;
    return () => {
      if (isOpen) this.#running--;
      isOpen = false;
    };
  }

  /** The request has a result. That is too early, and the handler is told, if its promise has not settled. */
  finish(): void {
    if (!this.#isCalled || this.isRunning) this.leave();
  }

  /** Nobody waits for the result any more, or for the rest of it. */
  leave(): void {
    this.#ended.abort(new RequestEndedError());
  }
}

/** The request that the calling code runs for, if this method of the instance is its handler. */
export function requestHandledBy(instance: object, property: string | symbol): RequestScope | undefined {
  const scope = scopes.getStore();
  return scope?.isHandledBy(instance, property) === true ? scope : undefined;
}

/** Runs the body of a handler: a call of the same method from inside of it does not handle the request. */
export const insideHandler = <T>(code: () => T): T => scopes.run(undefined, code);
