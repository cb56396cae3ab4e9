import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { Subscription, type Subscriber } from 'rxjs';
import { LeaseLostError, QuorumUnreachableError, type Lease } from '../../index.js';
import type { LockRunner } from '../lock-runner.js';
import { keysGivenTo } from '../keys/key-source.js';
import type { LockedHandlerMetadata } from './locked-handler.js';
import { labelOf, methodName, namedKeys } from '../locked-method.js';
import { nameOfHandler } from '../nest-metadata.js';
import { callerOfContext } from '../refusal/caller.js';
import { toException } from '../refusal/lock-exceptions.js';
import { pathRootOf } from './request-keys.js';
import { Handling } from './handling.js';
import { followResult, followSent } from './lasting-result.js';
import { isGivenAway } from './readers.js';
import { RequestScope } from './request-scope.js';
import { isStreamed, setRetryAfter } from './response.js';

/**
 * One request of a handler with `@LockedHandler()`. The lock is held until the handler's promise has settled
 * and what it gave has ended, whichever is last: its Observable, its stream, or the response that it sends by
 * itself.
 *
 * When the request ends before, the signal of the lease aborts first. The client of a lost lease is told at
 * once: nothing that the handler does can make its request a success.
 */
export class LockedRequest {
  readonly #scope: RequestScope;
  /** The subscription to the handler's result, and what ends with it. */
  readonly #result = new Subscription();
  #key = '';
  #lease: Lease | undefined;
  /** Whether the caller has the end of the result, or does not wait for it any more. */
  #isAnswered = false;
  /** Whether the result goes on after the caller has it. */
  #isLasting = false;
  /** Whether the caller has a result that goes on, and has its own end. */
  #isGiven = false;

  constructor(
    private readonly runner: LockRunner,
    private readonly handler: LockedHandlerMetadata,
    private readonly context: ExecutionContext,
    private readonly next: CallHandler,
    private readonly subscriber: Subscriber<unknown>,
  ) {
    this.#scope = new RequestScope(context);
  }

  /** Acquires the lock and handles the request. Returns what is done when the caller unsubscribes. */
  begin(): () => void {
    const isTolerated = (error: unknown): boolean =>
      this.handler.onUnavailable === 'run' &&
      this.#lease === undefined &&
      error instanceof QuorumUnreachableError;
    const handled = this.#handle().catch((error: unknown) => {
      if (!isTolerated(error)) throw error;
      this.runner.log.runsUnlocked(this.#key);
      return this.#handleUnlocked();
    });
    handled.then(
      () => this.#complete(),
      (error: unknown) => this.#fail(error),
    );
    return () => {
      if (!this.#isAnswered) {
        this.#isAnswered = true;
        // Who takes the first value and leaves, as by `take(1)`, may have a result that goes on.
        if (!this.#isGiven) this.#scope.leave();
      }
      this.#result.unsubscribe();
    };
  }

  async #handle(): Promise<void> {
    const { runner, handler, context } = this;
    const owner = context.getClass().prototype as object;
    const property = nameOfHandler(context.getClass(), context.getHandler());
    const keys =
      typeof handler.key === 'function'
        ? keysGivenTo(methodName(owner, property), await handler.key(context))
        : runner.keysOf(owner, { ...handler, property }, [pathRootOf(context)]);
    this.#key = namedKeys(keys);
    const label = labelOf(owner, { key: handler.key, property });
    const options = runner.acquireOptions(handler.normalizedOptions, handler.onHeld, label);
    await runner.locks.withLock(keys, { ...options, signal: this.#scope.signal }, (lease) =>
      this.#handleUnder(lease),
    );
  }

  #handleUnlocked(): Promise<void> {
    return new Promise((complete, error) => {
      const next = (value: unknown): void => this.subscriber.next(value);
      const end = (): void => {
        this.#scope.finish();
        complete();
      };
      this.#result.add(this.next.handle().subscribe({ next, error, complete: end }));
    });
  }

  async #handleUnder(lease: Lease): Promise<void> {
    this.#lease = lease;
    const handling = new Handling(this.handler, this.#scope, lease);
    let failure: { readonly error: unknown } | undefined;
    lease.signal.addEventListener('abort', () => this.#onAbort(lease.signal.reason));
    if (this.#scope.isResponseOpen) this.#followResponse(handling);
    this.#result.add(handling.outstanding.begin());
    handling.run(() => {
      const subscription = this.next.handle().subscribe({
        next: (value) => this.subscriber.next(this.#follow(value, handling, lease)),
        error: (error: unknown) => {
          failure = { error };
          this.#onResult(() => this.#fail(error));
        },
        complete: () => this.#onResult(() => this.#complete()),
      });
      this.#result.add(subscription);
    });
    await handling.outstanding.ended;
    if (failure !== undefined) throw failure.error;
  }

  /**
   * The caller may have the result. It gets it when the lock is released, or at once if the handler goes on:
   * an interceptor has put an end to the request, or the result is sent piece by piece.
   */
  #onResult(answer: () => void): void {
    this.#scope.finish();
    this.#result.unsubscribe();
    if (this.#scope.isRunning || this.#isLasting) answer();
  }

  /** Follows a result to its end if Nest sends it piece by piece, or its reader takes it so. */
  #follow(value: unknown, handling: Handling, lease: Lease): unknown {
    const listener = {
      onRead: () => this.#scope.begin(),
      onUnread: () => this.runner.log.resultUnread(this.#key),
      onLeft: () => this.#scope.leave(),
    };
    if (this.#scope.response !== undefined) {
      if (!isStreamed(value)) return value;
      this.#isGiven = true;
      this.#followResponse(handling);
      const iteration = followSent(value, lease, this.#scope.responseEnded, listener);
      void iteration?.ended.then(handling.outstanding.begin());
      return iteration?.value ?? value;
    }
    const lasting = followResult(value, lease, listener);
    if (lasting === undefined) return value;
    this.#isLasting = this.#isGiven = true;
    void lasting.ended.then(handling.outstanding.begin());
    return lasting.value;
  }

  #followResponse({ outstanding }: Handling): void {
    if (this.#isLasting) return;
    this.#isLasting = true;
    void this.#scope.responseEnded.then(outstanding.begin());
  }

  #onAbort(reason: unknown): void {
    if (!(reason instanceof LeaseLostError) || isGivenAway(reason)) return;
    this.runner.log.requestFailed(this.#key, reason);
    this.#fail(reason);
  }

  #complete(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.subscriber.complete();
  }

  #fail(error: unknown): void {
    this.#result.unsubscribe();
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    if (this.#lease === undefined && !this.#scope.signal.aborted)
      this.runner.log.requestFailed(this.#key, error);
    const isOfLock = this.#lease === undefined || error instanceof LeaseLostError;
    const thrown = isOfLock ? toException(error, callerOfContext(this.context)) : error;
    setRetryAfter(this.context, thrown);
    this.subscriber.error(thrown);
  }
}
