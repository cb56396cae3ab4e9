import { AsyncResource } from 'node:async_hooks';
import { hearRejection, messageOf } from './callbacks.js';
import type { LockEvent, LockListener } from './events.js';

/** Delivers events to listeners. Costs nothing while nobody listens. */
export class LockEvents {
  readonly #listeners = new Set<LockListener>();
  /** Deliveries of the events that arose while another one was being delivered. */
  readonly #pending: (() => void)[] = [];
  #isDelivering = false;

  constructor(private readonly warn: (message: string) => void) {}

  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: LockListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Delivers an event to all listeners. A listener may do what causes further events, such as releasing a
   * lease because somebody waits for it. These are delivered when all listeners have heard the first one,
   * each in the async context in which it arose: so all listeners hear all events in the same order.
   */
  emit(event: LockEvent): void {
    if (this.#listeners.size === 0) return;
    if (this.#isDelivering) {
      this.#pending.push(AsyncResource.bind(() => this.#deliverToAll(event)));
      return;
    }
    this.#isDelivering = true;
    try {
      this.#deliverToAll(event);
      // It grows while it is worked off.
      for (const deliver of this.#pending) deliver();
    } finally {
      this.#isDelivering = false;
      this.#pending.length = 0;
    }
  }

  #deliverToAll(event: LockEvent): void {
    for (const listener of this.#listeners) this.deliver(listener, event);
  }

  /** A listener's failure must not become the failure of the lock. */
  deliver(listener: LockListener, event: LockEvent): void {
    const onFailure = (message: string): void =>
      this.warn(`a listener threw on the event "${event.type}": ${message}`);
    try {
      const given: unknown = listener(event);
      hearRejection(given, onFailure);
    } catch (error) {
      onFailure(messageOf(error));
    }
  }
}
