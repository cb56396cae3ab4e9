/** The listeners of a signal, behind one listener of its own. */
class AbortListeners {
  readonly #listeners = new Set<() => void>();

  constructor(private readonly signal: AbortSignal) {}

  add(listener: () => void): void {
    if (this.#listeners.size === 0) this.signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#listeners.add(listener);
  }

  remove(listener: () => void): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  };
}

const bySignal = new WeakMap<AbortSignal, AbortListeners>();

const NOTHING = (): void => undefined;

/**
 * Calls the listener once when the signal aborts from now on. Returns what ends that.
 *
 * A signal looks through all its listeners whenever one is added or removed, so 100,000 calls with one signal
 * would need ten billion looks. Here they share one listener. `listener` must be a function of its own in
 * each call.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) return NOTHING;
  let listeners = bySignal.get(signal);
  if (listeners === undefined) bySignal.set(signal, (listeners = new AbortListeners(signal)));
  listeners.add(listener);
  return () => listeners.remove(listener);
}
