import type { Clock } from '../../clock.js';

/**
 * What ends an acquisition before its time: the caller's signal, the manager's end, a lease that was handed over. It is an
 * AbortController for our own use: a real one with its events costs more than all the rest of a hand-over.
 */
export class Cancellation {
  #reason: Error | undefined;
  #listeners: (() => void)[] | undefined;

  /** Why; `undefined` while it goes on. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** The first reason holds. */
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

  /** Calls back once, when it is stopped from now on; `off` takes the listener away. */
  on(listener: () => void): void {
    if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  off(listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners!.splice(at, 1);
  }
}

/** Waits for something that never rejects, unless it is stopped: then rejects with the reason. */
export function unlessCancelled<T>(promise: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const onCancel = (): void => reject(cancellation.reason!);
    if (cancellation.reason !== undefined) onCancel();
    cancellation.on(onCancel);
    void promise.then((value) => {
      cancellation.off(onCancel);
      resolve(value);
    });
  });
}

/** Waits, unless it is stopped: then rejects with the reason. */
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
