import { LockManager, type LockManagerOptions } from '../index.js';
import { connectionClosed } from './errors.js';
import type { Client } from './execution.js';
import { errorOf, type Vote } from './votes.js';

/** The taker of the votes of one kind that one call causes. */
interface Watch {
  readonly op: Vote['op'];
  readonly resources: number;
  readonly taker: VoteTaker;
}

export interface VoteTaker {
  take(client: Client, error: Error | undefined): void;
}

/** A lock manager on duplicates of the clients, and who listens to the votes of its calls. */
export class Session {
  readonly locks: LockManager;
  readonly #clients: ReadonlyMap<string, Client>;
  /** By the number of the call, which its lease has, too. */
  readonly #watches = new Map<number, Set<Watch>>();
  /** Gets the number of the call that is being made. */
  #onCall: ((id: number) => void) | undefined;

  /** Throws an error that names a client that cannot be used. Connects at the first use. */
  constructor(clients: readonly Client[], options: Omit<LockManagerOptions, 'nodes'>) {
    this.locks = new LockManager({ ...options, nodes: clients, lazyConnect: true });
    this.#clients = new Map(this.locks.nodes().map(({ name }, index) => [name, clients[index]!]));
    this.locks.subscribe((event) => {
      if (event.type === 'acquiring') this.#onCall?.(event.id);
      if (event.type === 'vote') this.#take(event);
    });
  }

  /**
   * Makes a call of the manager that acquires. `onCall` gets its number before the first vote. Must not be
   * called while an event is delivered.
   */
  call<T>(make: (locks: LockManager) => Promise<T>, onCall: (id: number) => void): Promise<T> {
    this.#onCall = onCall;
    try {
      return make(this.locks);
    } finally {
      this.#onCall = undefined;
    }
  }

  /** Gives the votes of a call, or of its lease, to the taker, until the returned function is called. */
  watch(id: number, op: Vote['op'], resources: number, taker: VoteTaker): () => void {
    const watch: Watch = { op, resources, taker };
    const watches = this.#watches.get(id) ?? new Set();
    this.#watches.set(id, watches.add(watch));
    return () => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watches.get(id) === watches) this.#watches.delete(id);
    };
  }

  /** The manager is closed: every client votes against. */
  refuse(taker: VoteTaker): void {
    const error = connectionClosed();
    for (const client of this.#clients.values()) taker.take(client, error);
  }

  #take(vote: Vote): void {
    const client = this.#clients.get(vote.node);
    if (client === undefined) return;
    for (const { op, resources, taker } of this.#watches.get(vote.id) ?? []) {
      if (op === vote.op) taker.take(client, errorOf(vote, resources));
    }
  }
}
