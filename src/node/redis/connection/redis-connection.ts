import { EventEmitter } from 'node:events';
import type { ScriptCall } from '../protocol/script-call.js';
import { ScriptCommand } from './script-command.js';

/** Called back once. Not a promise, because every vote comes by here, and each step of a chain of them costs a turn. */
export type Replied = (error: Error | undefined, reply: unknown) => void;

/** The part of an ioredis client that a node works with, after duplication. */
export interface Connection {
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  /** Runs the script by its SHA; the error is NOSCRIPT where the server does not have it. */
  run(call: ScriptCall, replied: Replied): void;
  /** Runs the script, and loads it. */
  runAndLoad(call: ScriptCall, replied: Replied): void;
  script(subcommand: 'LOAD', script: string): Promise<unknown>;
  time(): Promise<unknown>;
  info(): Promise<string>;
  subscribe(channel: string): Promise<unknown>;
  cluster(subcommand: 'SLOTS' | 'NODES'): Promise<unknown>;
  on(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

/** The part of an ioredis client that makes a connection. */
export interface Client extends Omit<Connection, 'run' | 'runAndLoad'> {
  /** A promise of the reply. */
  sendCommand(command: ScriptCommand): unknown;
}

/** What the errors of a connection are told with. */
export interface RedactionRules {
  /** Never shown. */
  readonly secrets: readonly string[];
  readonly tls: boolean;
  /** Of a master behind sentinels: how long after the n-th time that none of them named it they are asked again. */
  readonly askAgainMs?: (attempt: number) => number;
}

/** Shorter than this it could not be told from a part of some word, and is no secret either. */
const SHORTEST_SECRET = 4;

/**
 * An error's message without secrets. Servers repeat what they do not understand: one without AUTH, or a proxy before it,
 * answers with the arguments of the command, which are the user and the password. Redis >= 7.2 names the user that lacks a
 * permission.
 */
export function redactedMessage(message: string, ...secrets: readonly (string | undefined)[]): string {
  const cut = message
    .replace(/,? with args beginning with[^]*$/i, '')
    .replace(
      /^All sentinels are unreachable and retry is disabled\.( Last error)?/,
      'none of the sentinels named a master',
    )
    .replace(/\bUser \S+ (has no permissions|doesn't have)/g, 'this user $1');
  return secrets
    .filter((secret) => secret !== undefined && secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret!, new URLSearchParams([[secret!, '']]).toString().slice(0, -1)])
    .reduce((text, secret) => text.replaceAll(secret, '***'), cut);
}

/**
 * A connection whose errors may be shown: they have no secrets, and where the protocol gives away nothing but a broken
 * connection they say what is the likely cause. It is never ready in a database that it was not to be in.
 */
export class RedisConnection implements Connection {
  readonly #client: Client;
  readonly #about: RedactionRules;
  readonly #events = new EventEmitter();
  #isReady = false;
  #failed = false;
  #fruitless = 0;
  #again: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(client: Client, about: RedactionRules) {
    this.#client = client;
    this.#about = about;
    client.on('ready', () => {
      // ioredis is ready although its SELECT failed, in database 0.
      if (this.#failed) return;
      this.#isReady = true;
      this.#fruitless = 0;
      this.#events.emit('ready');
    });
    client.on('error', (error) => this.#onError(error));
    client.on('close', () => this.#onClose());
    client.on('end', () => this.#onEnd());
    client.on('message', (channel, message) => this.#events.emit('message', channel, message));
  }

  on(event: 'ready' | 'close', listener: () => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'message', listener: (channel: string, message: string) => void): this;
  on(
    event: string,
    listener: (() => void) | ((error: Error) => void) | ((channel: string, message: string) => void),
  ): this {
    this.#events.on(event, listener);
    return this;
  }

  connect(): Promise<unknown> {
    return this.#client.connect();
  }

  disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#isOver = true;
      clearTimeout(this.#again);
    }
    this.#client.disconnect(reconnect);
  }

  run(call: ScriptCall, replied: Replied): void {
    this.#send(new ScriptCommand('evalsha', call), replied);
  }

  runAndLoad(call: ScriptCall, replied: Replied): void {
    this.#send(new ScriptCommand('eval', call), replied);
  }

  script(subcommand: 'LOAD', script: string): Promise<unknown> {
    return this.#client.script(subcommand, script).catch(this.#rethrow);
  }

  time(): Promise<unknown> {
    return this.#client.time().catch(this.#rethrow);
  }

  info(): Promise<string> {
    return this.#client.info().catch(this.#rethrow);
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#client.subscribe(channel).catch(this.#rethrow);
  }

  cluster(subcommand: 'SLOTS' | 'NODES'): Promise<unknown> {
    return this.#client.cluster(subcommand).catch(this.#rethrow);
  }

  #send(command: ScriptCommand, replied: Replied): void {
    (this.#client.sendCommand(command) as Promise<unknown>).then(
      (reply) => replied(undefined, reply),
      (error: unknown) => replied(this.#redacted(error), undefined),
    );
  }

  readonly #rethrow = (error: unknown): never => {
    throw this.#redacted(error);
  };

  /** A new error: the client's own carries the command with its arguments, and those of AUTH and HELLO are secret. */
  #redacted(error: unknown, hint = ''): Error {
    const { name = 'Error', message = String(error) } = factsOf(error);
    const told = new Error(redactedMessage(message.trim(), ...this.#about.secrets) + hint);
    told.name = name;
    return told;
  }

  #onError(error: unknown): void {
    // Of a connection that never came to be, the first error is the cause and the rest are its consequences.
    if (this.#failed) return;
    const rejected = commandOf(error) === 'select';
    const told = rejected
      ? new Error(`its database could not be selected (${this.#redacted(error).message})`)
      : this.#redacted(error, this.#isReady ? '' : hintAt(error, this.#about.tls));
    if (!this.#isReady || rejected) this.#failed = true;
    this.#tell(told);
    if (rejected) this.#client.disconnect(true);
  }

  #tell(error: Error): void {
    if (this.#events.listenerCount('error') > 0) this.#events.emit('error', error);
  }

  #onClose(): void {
    if (!this.#isReady && !this.#failed) {
      const told =
        this.#about.askAgainMs === undefined
          ? `the server closed the connection${HINTS[this.#about.tls ? 'tls' : 'plain']}`
          : `the sentinels named a server that closed the connection, or is no master${HINTS[this.#about.tls ? 'tls' : 'plain']}`;
      const error = new Error(told);
      this.#tell(error);
    }
    this.#isReady = false;
    this.#failed = false;
    this.#events.emit('close');
  }

  /** ioredis has given up, as it does where no sentinel named a master. */
  #onEnd(): void {
    const { askAgainMs } = this.#about;
    if (askAgainMs === undefined || this.#isOver) return;
    this.#onClose();
    const again = (): void => void this.#client.connect().catch(() => undefined);
    this.#again = setTimeout(again, askAgainMs(++this.#fruitless));
  }
}

const HINTS = {
  plain: '; if it expects TLS, write rediss: or give the option tls',
  tls: '; it may want a certificate of the client, see the options tls.cert and tls.key',
  silent: '; if it does not speak TLS, write redis: or leave out the option tls',
};

/** A server that speaks TLS to one who does not, or the other way round, says nothing at all. */
function hintAt(error: unknown, tls: boolean): string {
  const { code } = factsOf(error);
  if (code === 'ECONNRESET' || code === 'EPIPE') return HINTS[tls ? 'tls' : 'plain'];
  if (code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED') return HINTS.tls;
  return tls && code === 'ETIMEDOUT' ? HINTS.silent : '';
}

function commandOf(error: unknown): string | undefined {
  const name = factsOf(error).command?.name;
  return typeof name === 'string' ? name.toLowerCase() : undefined;
}

interface Facts {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly command?: { readonly name?: unknown };
}

/** By its shape: an error of another realm, as in a test runner or a vm, is no instance of our Error. */
const factsOf = (error: unknown): Facts => (typeof error === 'object' && error !== null ? error : {});
