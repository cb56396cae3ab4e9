import type { Command, ScriptCall } from '../protocol/script-call.js';

/**
 * One connection of a client library, which serves once. When it breaks, nothing that was given to it is sent
 * any more, and another one is opened.
 */
export interface Session {
  /** Sends a prepared call, and gives its reply. */
  send(command: Command, call: ScriptCall): Promise<unknown>;
  /** Sends a command of these words, and gives its reply. */
  call(words: readonly string[]): Promise<unknown>;
  /** From then on the session is used for nothing else. */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown>;
  /** Ends it at once, with all that it has not sent yet. Throws nothing. */
  end(): void;
}

/** What an attempt to open a session is told, and tells. */
export interface SessionAttempt {
  /** Nobody needs the session any more: it shall end at once, whether it is open yet or not. */
  readonly signal: AbortSignal;
  /** The session that was opened broke. */
  readonly lost: (error: unknown) => void;
  /** Whether an earlier session was open. */
  readonly wasReady: boolean;
}

/** Opens a session that is authenticated, in its database, and takes commands. Never hangs. */
export type OpenSession = (attempt: SessionAttempt) => Promise<Session>;
