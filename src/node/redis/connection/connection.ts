import type { ScriptCall } from '../protocol/script-call.js';

/**
 * Called once. Not a promise, because every vote passes here, and each step of a promise chain costs a turn.
 */
export type Replied = (error: Error | undefined, reply: unknown) => void;

/** How long to wait before the n-th attempt to connect again, in milliseconds. */
export type RetryDelay = (attempt: number) => number;

/**
 * A connection on which the server is silent for this long, although commands are under way, is made anew.
 */
export const SILENCE_MS = 2_000;
/** How long it may take to reach a server, where the user chose nothing else. */
export const CONNECT_TIMEOUT_MS = 2_000;
/** A server that is not ready for this long after it was reached is said to be delayed. */
export const DELAYED_MS = 1_000;
/** How long a sentinel may take to answer. One that hangs must not keep us from asking the next one. */
export const SENTINEL_ANSWERS_MS = 2_000;

/**
 * The port to a Redis client: one connection to one server. Each client library enters through one file:
 * ioredis.ts, node-redis.ts, glide.ts. The last two open sessions, which end for good when they break;
 * `SessionConnection` makes a connection of one session after the other.
 *
 * A connection never keeps commands while it is offline and never sends a command twice: a lock that was
 * reported as failed would appear later, for nobody. When it breaks, all its commands fail, and it connects
 * again by itself. Its errors are free of secrets.
 */
export interface Connection {
  /** Makes the first connection. A rejection is also told as `error` and `close`. */
  connect(): Promise<unknown>;
  /** Ends the connection. With `reconnect` it is made again. */
  disconnect(reconnect?: boolean): void;
  /** Runs a script by its SHA. The error begins with NOSCRIPT where the server does not have the script. */
  run(call: ScriptCall, replied: Replied): void;
  /** Runs a script by its text, which also loads it. */
  runAndLoad(call: ScriptCall, replied: Replied): void;
  /** Sends what `send` runs in one write. */
  inOneWrite(send: () => void): void;
  script(subcommand: 'LOAD', script: string): Promise<unknown>;
  info(): Promise<string>;
  /** CONFIG GET: the parameters whose names fit the pattern, in the shape that the library gives them. */
  config(pattern: string): Promise<unknown>;
  /**
   * WAIT: resolves to how many replicas have all that this connection has written, as soon as `replicas`
   * have it, or after `timeoutMs`. Until then the server answers nothing else on this connection.
   */
  wait(replicas: number, timeoutMs: number): Promise<unknown>;
  /**
   * WAITAOF: likewise, until the server itself and `replicas` have it on disk. Resolves to two numbers:
   * 1 if the server itself has, and how many replicas have.
   */
  waitOnDisk(replicas: number, timeoutMs: number): Promise<unknown>;
  /** Subscribes to a channel. From then on the connection can be used for nothing else. */
  subscribe(channel: string): Promise<unknown>;
  cluster(subcommand: 'SLOTS' | 'NODES'): Promise<unknown>;
  on<Name extends keyof ConnectionEvents>(event: Name, listener: Listener<Name>): unknown;
}

/** What a connection tells. */
export interface ConnectionEvents {
  /** The server is authenticated, in its database, and takes commands. */
  readonly ready: [];
  /** The connection broke. */
  readonly close: [];
  readonly error: [error: Error];
  /** The server accepted the connection, and is not ready for long. Nothing has failed yet. */
  readonly delayed: [reason: string];
  readonly message: [channel: string, message: string];
}

export type Listener<Name extends keyof ConnectionEvents> = (...told: ConnectionEvents[Name]) => void;
