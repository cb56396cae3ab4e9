import type { Clock } from '../../clock.js';

/**
 * What ends an acquire call early: the caller's signal, the end of the manager, or keys that were handed
 * over. It does what an AbortController does; a real one with its events would cost more than all the rest of
 * a hand-over.
 */
export class Cancellation {
  #reason: Error | undefined;
  #listeners: (() => void)[] | undefined;

  /** `undefined` unless it is cancelled. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  get isCancelled(): boolean {
    return this.#reason !== undefined;
  }

  /** The first reason stays. */
  cancel(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) listener();
  }

  throwIfCancelled(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  /** Calls the listener once, when it is cancelled from now on; `off` removes the listener. */
  on(listener: () => void): void {
    if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  off(listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners!.splice(at, 1);
  }
}

/** Waits for a promise that never rejects. Rejects with the reason as soon as it is cancelled. */
export function unlessCancelled<T>(promise: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const onCancel = (): void => reject(cancellation.reason!);
    if (cancellation.isCancelled) onCancel();
    cancellation.on(onCancel);
    void promise.then((value) => {
      cancellation.off(onCancel);
      resolve(value);
    });
  });
}

/** Waits for a while. Rejects with the reason as soon as it is cancelled. */
export function pause(clock: Clock, delayMs: number, cancellation?: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    const onCancel = (): void => {
      timer.cancel();
      reject(cancellation!.reason!);
    };
    const timer = clock.setTimer(() => {
      cancellation?.off(onCancel);
      resolve();
    }, delayMs);
    cancellation?.on(onCancel);
  });
}
