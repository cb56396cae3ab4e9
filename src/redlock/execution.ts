import type { Cluster, Redis } from 'ioredis';

/** A client of ioredis, as redlock takes them. It is duplicated, and closed by `quit` only. */
export type Client = Redis | Cluster;

/** The vote of one client in one attempt. */
export type ClientExecutionResult =
  | { readonly client: Client; readonly vote: 'for'; readonly value: number }
  | { readonly client: Client; readonly vote: 'against'; readonly error: Error };

/** How the clients voted in one attempt. */
export type ExecutionStats = {
  readonly membershipSize: number;
  readonly quorumSize: number;
  readonly votesFor: Set<Client>;
  readonly votesAgainst: Map<Client, Error>;
};

/** What came of a release. */
export type ExecutionResult = {
  /** Each resolves when all clients have voted in that attempt, or have failed to. */
  readonly attempts: ReadonlyArray<Promise<ExecutionStats>>;
  /** When it began, in milliseconds since the Unix epoch. */
  readonly start: number;
};

/** The statistics of an attempt, empty at first. */
export const emptyStats = (membershipSize: number): ExecutionStats => ({
  membershipSize,
  quorumSize: Math.floor(membershipSize / 2) + 1,
  votesFor: new Set(),
  votesAgainst: new Map(),
});
