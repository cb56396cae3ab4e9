import type { NodeRecord, NodeState } from './node-state.js';

/** How far a number in the state may move, in milliseconds, before listeners are told. */
const CHANGE_MS = 100;

/** Whether a number of the state has moved so far that listeners should know. */
export const hasMoved = (before: number | undefined, after: number | undefined): boolean =>
  before === undefined || after === undefined ? before !== after : Math.abs(before - after) > CHANGE_MS;

/**
 * A node's state and its listeners. Give it to `state` and `onStateChange` of a `LockNode`. After `end` the
 * state never changes again.
 */
export class ObservableState {
  readonly #listeners = new Set<(state: NodeState) => void>();
  #state: NodeState;
  #ended = false;

  constructor(initial: NodeState = { status: 'connecting' }) {
    this.#state = initial;
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Whether the node was closed, or is misconfigured for good. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Calls the listener at every change, until the returned function is called. */
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

  /** Sets the state. Listeners are told if it differs from the state before. */
  set(state: NodeState): void {
    if (this.#ended || !differs(this.#state, state)) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  /** Sets the last state. */
  end(state: NodeState): void {
    this.set(state);
    this.#ended = true;
  }
}

const hasOtherRecord = (before: NodeRecord | undefined, after: NodeRecord | undefined): boolean =>
  after?.memory !== before?.memory ||
  after?.sequence !== before?.sequence ||
  after?.pair?.list.id !== before?.pair?.list.id ||
  hasMoved(before?.inForceAt, after?.inForceAt);

const hasOtherCautions = (
  { cautions: before = [] }: NodeState,
  { cautions: after = [] }: NodeState,
): boolean => after.length !== before.length || after.some((caution, at) => caution !== before[at]);

const differs = (before: NodeState, after: NodeState): boolean =>
  after.status !== before.status ||
  after.reason !== before.reason ||
  after.serverId !== before.serverId ||
  hasOtherCautions(before, after) ||
  after.id !== before.id ||
  hasOtherRecord(before.record, after.record) ||
  hasMoved(before.trustedAt, after.trustedAt) ||
  hasMoved(before.clockOffsetMs, after.clockOffsetMs) ||
  hasMoved(before.ownGapMs, after.ownGapMs);
