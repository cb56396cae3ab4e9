import type { LockEvent } from '../index.js';
import { connectionClosed, notApplied } from './errors.js';
import { emptyStats, type Client, type ExecutionStats } from './execution.js';

export type Vote = Extract<LockEvent, { type: 'vote' }>;

/** The error that stands for a vote against; `undefined` for a vote in favour. */
export function errorOf({ vote, cause }: Vote, resources: number): Error | undefined {
  if (vote === 'granted') return undefined;
  if (vote === 'unreachable' || vote === 'disconnected') return connectionClosed(cause);
  return cause ?? notApplied(resources);
}

/** Hears every vote that is not in favour. */
export type OnAgainst = (error: Error) => void;

/** The votes of all clients in one round. Each node votes once in a round: late ones by a failure. */
export class ClientVotes {
  readonly stats: ExecutionStats;
  /** Resolves when all clients have voted. */
  readonly complete: Promise<ExecutionStats>;
  #resolve!: (stats: ExecutionStats) => void;

  constructor(
    readonly clients: readonly Client[],
    private readonly onAgainst: OnAgainst,
  ) {
    this.stats = emptyStats(clients.length);
    this.complete = new Promise((resolve) => (this.#resolve = resolve));
  }

  get isComplete(): boolean {
    const { votesFor, votesAgainst, membershipSize } = this.stats;
    return votesFor.size + votesAgainst.size >= membershipSize;
  }

  get isWon(): boolean {
    return this.stats.votesFor.size >= this.stats.quorumSize;
  }

  /** Takes the first vote of a client. */
  take(client: Client, error: Error | undefined): void {
    const { votesFor, votesAgainst } = this.stats;
    if (votesFor.has(client) || votesAgainst.has(client)) return;
    if (error === undefined) votesFor.add(client);
    else {
      votesAgainst.set(client, error);
      this.onAgainst(error);
    }
    if (this.isComplete) this.#resolve(this.stats);
  }

  /** Nobody votes any more: the votes that are missing are against. */
  end(error: Error): void {
    for (const client of this.clients) this.take(client, error);
  }
}

/**
 * The rounds that one call of the manager causes, in their order. The n-th vote of a client belongs to the
 * n-th round.
 */
export class VotesByRound {
  readonly #rounds: ClientVotes[] = [];
  readonly #votes = new Map<Client, number>();

  constructor(
    private readonly clients: readonly Client[],
    private readonly onAgainst: OnAgainst,
  ) {}

  take(client: Client, error: Error | undefined): void {
    const index = this.#votes.get(client) ?? 0;
    this.#votes.set(client, index + 1);
    while (this.#rounds.length <= index) this.#rounds.push(this.#begin());
    this.#rounds[index]!.take(client, error);
  }

  /** The last round; an empty one if there was none. */
  get last(): ClientVotes {
    const round = this.#rounds.at(-1) ?? this.#begin();
    if (this.#rounds.length === 0) this.#rounds.push(round);
    return round;
  }

  #begin(): ClientVotes {
    return new ClientVotes(this.clients, this.onAgainst);
  }
}

/**
 * The release of keys that lost attempts have set. Once it is done, a program that is told of the loss finds
 * none of them, and they do not refuse its next attempt.
 */
export class Undoing {
  readonly #unreleased = new Map<Client, number>();
  #onDone: (() => void) | undefined;

  readonly granting = {
    take: (client: Client, error: Error | undefined) => this.#add(client, error ? 0 : 1),
  };
  readonly releasing = { take: (client: Client) => this.#add(client, -1) };

  /** Resolves when all is released, after `timeoutMs` at the latest. */
  async done(timeoutMs: number): Promise<void> {
    if (this.#isDone) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onDone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get #isDone(): boolean {
    return [...this.#unreleased.values()].every((count) => count <= 0);
  }

  #add(client: Client, count: number): void {
    this.#unreleased.set(client, (this.#unreleased.get(client) ?? 0) + count);
    if (this.#isDone) this.#onDone?.();
  }
}
