import { AsyncResource } from 'node:async_hooks';
import { hearRejection, messageOf } from './callbacks.js';
import type { LockEvent, LockListener } from './events.js';

/** The number of different failures of one listener that are told. */
const MOST_FAILURES = 100;

/** Delivers events to listeners. Costs nothing while nobody listens. */
export class LockEvents {
  /** A listener stands here as often as it has subscribed. */
  #subscriptions: readonly LockListener[] = [];
  /** Each of them once. It is never changed, but replaced: an event goes to those that were there in time. */
  #listeners: readonly LockListener[] = [];
  /** Deliveries of the events that arose while another one was being delivered. */
  readonly #pending: (() => void)[] = [];
  /** What was told of each listener's failures. It may fail at every event. */
  readonly #failures = new WeakMap<LockListener, Set<string>>();
  #isDelivering = false;

  constructor(private readonly warn: (message: string) => void) {}

  get listening(): boolean {
    return this.#listeners.length > 0;
  }

  add(listener: LockListener): () => void {
    this.#set([...this.#subscriptions, listener]);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#set(this.#subscriptions.toSpliced(this.#subscriptions.indexOf(listener), 1));
    };
  }

  /**
   * Delivers an event to all listeners. A listener may do what causes further events, such as releasing a
   * lease because somebody waits for it. These are delivered when all listeners have heard the first one,
   * each in the async context in which it arose: so all listeners hear all events in the same order. One that
   * subscribes meanwhile was told how things stand, and hears what arises after that.
   */
  emit(event: LockEvent): void {
    const listeners = this.#listeners;
    if (listeners.length === 0) return;
    if (this.#isDelivering) {
      this.#pending.push(AsyncResource.bind(() => this.#deliverTo(listeners, event)));
      return;
    }
    this.#isDelivering = true;
    try {
      this.#deliverTo(listeners, event);
      // It grows while it is worked off.
      for (const deliver of this.#pending) deliver();
    } finally {
      this.#isDelivering = false;
      this.#pending.length = 0;
    }
  }

  #set(subscriptions: readonly LockListener[]): void {
    this.#subscriptions = subscriptions;
    this.#listeners = [...new Set(subscriptions)];
  }

  #deliverTo(listeners: readonly LockListener[], event: LockEvent): void {
    for (const listener of listeners)
      if (listeners === this.#listeners || this.#listeners.includes(listener)) this.deliver(listener, event);
  }

  /** A listener's failure must not become the failure of the lock. */
  deliver(listener: LockListener, event: LockEvent): void {
    const onFailure = (message: string): void =>
      this.#tellOnce(listener, `a listener threw on the event "${event.type}": ${message}`);
    try {
      const given: unknown = listener(event);
      hearRejection(given, onFailure);
    } catch (error) {
      onFailure(messageOf(error));
    }
  }

  #tellOnce(listener: LockListener, failure: string): void {
    const told = this.#failures.get(listener) ?? new Set();
    this.#failures.set(listener, told);
    if (told.has(failure) || told.size >= MOST_FAILURES) return;
    told.add(failure);
    this.warn(failure);
  }
}
