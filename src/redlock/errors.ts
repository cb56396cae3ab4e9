import type { ExecutionStats } from './execution.js';

/** Another lock has one of the resources on that client, or the client no longer has this lock's keys. */
export class ResourceLockedError extends Error {
  constructor(override readonly message: string) {
    super(message);
    this.name = 'ResourceLockedError';
  }
}

/** The operation was not carried out by a majority of the clients. */
export class ExecutionError extends Error {
  constructor(
    override readonly message: string,
    /** Each resolves when all clients have voted in that attempt, or have failed to. */
    readonly attempts: ReadonlyArray<Promise<ExecutionStats>>,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ExecutionError';
  }
}

// These messages are those of redlock 5, because programs compare them.

export const noQuorum = (attempts: ReadonlyArray<Promise<ExecutionStats>>): ExecutionError =>
  new ExecutionError('The operation was unable to achieve a quorum during its retry window.', attempts);

export const alreadyExpired = (
  attempts: ReadonlyArray<Promise<ExecutionStats>> = [],
  cause?: unknown,
): ExecutionError => new ExecutionError('Cannot extend an already-expired lock.', attempts, { cause });

/** A node carries out all of a request or nothing. */
export const notApplied = (resources: number): ResourceLockedError =>
  new ResourceLockedError(`The operation was applied to: 0 of the ${resources} requested resources.`);

/** What ioredis says of a command on a connection that is no more. */
export const connectionClosed = (cause?: unknown): Error => new Error('Connection is closed.', { cause });
