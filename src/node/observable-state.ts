import type { NodeState } from './lock-node.js';

/** How far a figure in the state may move before listeners hear of it. */
const NEWS_MS = 100;

/** Whether a figure of the state has moved so far that it is news. */
export const moved = (before: number | undefined, after: number | undefined): boolean =>
  before === undefined || after === undefined ? before !== after : Math.abs(before - after) > NEWS_MS;

/** A node's state, and who hears of its changes. Once the node is out nothing changes it any more. */
export class ObservableState {
  readonly #listeners = new Set<(state: NodeState) => void>();
  #state: NodeState = { status: 'connecting' };
  #ended = false;

  get state(): NodeState {
    return this.#state;
  }

  /** Closed, or refused for good. */
  get ended(): boolean {
    return this.#ended;
  }

  onChange(listener: (state: NodeState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Resolves at the next change. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onChange(() => {
        stop();
        resolve();
      });
    });
  }

  set(state: NodeState): void {
    if (this.#ended) return;
    const before = this.#state;
    const isNews =
      state.status !== before.status ||
      state.reason !== before.reason ||
      state.serverId !== before.serverId ||
      state.caution !== before.caution ||
      state.id !== before.id ||
      state.members !== before.members ||
      moved(before.trustedAt, state.trustedAt) ||
      moved(before.clockOffsetMs, state.clockOffsetMs) ||
      moved(before.ownGapMs, state.ownGapMs);
    if (!isNews) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  /** The last state. */
  end(state: NodeState): void {
    this.set(state);
    this.#ended = true;
  }
}
