import type { Command, ScriptCall } from '../protocol/script-call.js';
import { ConnectionBase } from './connection-base.js';
import { DELAYED_MS, type Connection, type Replied, type RetryDelay } from './connection.js';
import { SilenceWatch } from './silence-watch.js';
import { closedHint, commandOf, hintOf, redactedError, type RedactionRules } from './redaction.js';
import { scriptCommandOf, type CommandClass, type ScriptCommandClass } from './script-command.js';

/** The part of an ioredis client that makes a connection. */
export interface Client extends Omit<Connection, 'run' | 'runAndLoad' | 'inOneWrite' | 'on'> {
  /** The socket, while there is one. */
  readonly stream?: { cork(): void; uncork(): void; destroy(error: Error): void } | undefined;
  /** Begins a timer for each command, if there is the option `socketTimeout`. */
  setSocketTimeout?(): void;
  /** Read whenever it connects. */
  readonly options: object;
  call(command: string, ...words: string[]): Promise<unknown>;
  /** A promise of the reply. */
  sendCommand(command: object): unknown;
  on(event: 'connecting' | 'connect' | 'ready' | 'close' | 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

/**
 * Makes an unconnected client whose options are overridden by these. Rejects where the package that it takes
 * is not installed.
 */
export type MakeClient = (overrides?: object) => Client | Promise<Client>;

/** How a connection is made again where ioredis gave up. */
export interface Reconnect {
  /** How long after the n-th failure in a row. */
  readonly retryDelayMs: RetryDelay;
  /**
   * Before each connection, if ioredis is made to give up each time: gives the client its user and password.
   */
  readonly logIn?: (client: Client) => Promise<void>;
}

/**
 * A connection by ioredis. Its errors may be shown: they hold no secrets, and where ioredis tells nothing but
 * a broken connection they name the likely cause. It is never ready in another database than the one it was
 * given.
 */
export class IoredisConnection extends ConnectionBase implements Connection {
  readonly #make: MakeClient;
  #client: Client | undefined;
  #ScriptCommand: ScriptCommandClass | undefined;
  readonly #rules: RedactionRules;
  readonly #logIn: Reconnect['logIn'];
  #isReady = false;
  #failed = false;
  /**
   * The connection ends because its server knows no INFO. The next one does without, and begins at once: the
   * delay of this one may be endless. Holds the options of the client that are to be put back.
   */
  #endsForInfo: { readonly retryStrategy: unknown } | undefined;
  #delay: NodeJS.Timeout | undefined;
  /** Whether the loss of the connection was told, or none has been tried since. */
  #isClosed = true;
  readonly #silence = new SilenceWatch((error) => this.#client?.stream?.destroy(error));

  constructor(make: MakeClient, rules: RedactionRules, { retryDelayMs, logIn }: Reconnect) {
    super(retryDelayMs);
    this.#make = make;
    this.#rules = rules;
    this.#logIn = logIn;
  }

  async connect(): Promise<unknown> {
    let client: Client;
    try {
      client = this.#client ??= this.#heard(await this.#make());
      await this.#logIn?.(client);
    } catch (error) {
      const told = redactedError(error, this.#rules);
      this.#failToBegin(told);
      throw told;
    }
    if (this.isOver) throw new Error('the connection was ended');
    return client.connect();
  }

  disconnect(reconnect = false): void {
    clearTimeout(this.#delay);
    if (!reconnect) this.endForGood();
    this.#client?.disconnect(reconnect);
  }

  run(call: ScriptCall, replied: Replied): void {
    this.#send('EVALSHA', call, replied);
  }

  runAndLoad(call: ScriptCall, replied: Replied): void {
    this.#send('EVAL', call, replied);
  }

  inOneWrite(send: () => void): void {
    const stream = this.#client?.stream;
    stream?.cork();
    try {
      send();
    } finally {
      stream?.uncork();
    }
  }

  script(subcommand: 'LOAD', script: string): Promise<unknown> {
    return this.#told(this.#open.script(subcommand, script));
  }

  info(): Promise<string> {
    return this.#told(this.#open.info());
  }

  config(pattern: string): Promise<unknown> {
    return this.#told(this.#open.call('CONFIG', 'GET', pattern));
  }

  wait(replicas: number, timeoutMs: number): Promise<unknown> {
    return this.#told(this.#open.wait(replicas, timeoutMs));
  }

  waitOnDisk(replicas: number, timeoutMs: number): Promise<unknown> {
    return this.#told(this.#open.call('WAITAOF', '1', `${replicas}`, `${timeoutMs}`));
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#told(this.#open.subscribe(channel));
  }

  cluster(subcommand: 'SLOTS' | 'NODES'): Promise<unknown> {
    return this.#told(this.#open.cluster(subcommand));
  }

  /** The client. It is there from `connect` on, and nothing is sent before. */
  get #open(): Client {
    if (this.#client === undefined) throw new Error('the connection was not made yet');
    return this.#client;
  }

  #send(command: Command, call: ScriptCall, replied: Replied): void {
    const sent = this.#open.sendCommand(new this.#ScriptCommand!(command, call));
    this.#silence.asked();
    (sent as Promise<unknown>).then(
      (reply) => {
        this.#silence.heard();
        replied(undefined, reply);
      },
      (error: unknown) => {
        this.#silence.heard();
        replied(redactedError(error, this.#rules), undefined);
      },
    );
  }

  #heard(client: Client): Client {
    this.#ScriptCommand = scriptCommandOf(commandClassOf(client));
    client.on('connecting', () => {
      // The ready check of the connection before may have failed after its end was told.
      this.#failed = false;
      this.#isClosed = false;
      this.#watchSilence(client, true);
    });
    client.on('connect', () => this.#expectReady());
    client.on('ready', () => {
      clearTimeout(this.#delay);
      this.#watchSilence(client, false);
      // ioredis says ready although its SELECT failed; then it is in database 0.
      if (this.#failed) return;
      this.#isReady = true;
      this.tellReady();
    });
    client.on('error', (error) => this.#onError(error));
    client.on('close', () => this.#onClose());
    client.on('end', () => this.#onEnd());
    client.on('message', (channel, message) => this.tell('message', channel, message));
    return client;
  }

  async #told<Reply>(asked: Promise<Reply>): Promise<Reply> {
    this.#silence.asked();
    try {
      return await asked;
    } catch (error) {
      throw redactedError(error, this.#rules);
    } finally {
      this.#silence.heard();
    }
  }

  /**
   * ioredis watches over a server that is silent by a timer and a listener for each command. Once it is ready
   * for ours, one timer does it, because these are a tenth of what a lock costs this process.
   */
  #watchSilence(client: Client, byIoredis: boolean): void {
    if (byIoredis) delete client.setSocketTimeout;
    else client.setSocketTimeout = () => undefined;
  }

  /**
   * ioredis asks a server again and again whether it has loaded its data, and tells nothing of it. What was
   * told before would be shown meanwhile, such as a refused connection.
   */
  #expectReady(): void {
    clearTimeout(this.#delay);
    const tell = (): void => this.tell('delayed', 'the server is not ready yet: it may be loading its data');
    this.#delay = setTimeout(tell, DELAYED_MS).unref();
  }

  #onError(error: unknown): void {
    // If a connection is never made, its first error is the cause and the others are the consequences.
    if (this.#failed) return;
    if (isReadyCheckUnknown(error) && this.#client !== undefined) {
      const { options } = this.#client as { readonly options: { retryStrategy?: unknown } };
      this.#endsForInfo = { retryStrategy: options.retryStrategy };
      // It gives up, and `#onEnd` connects again at once.
      Object.assign(options, { enableReadyCheck: false, retryStrategy: null });
      return;
    }
    const isSelect = commandOf(error) === 'select';
    const told = isSelect
      ? new Error(`its database could not be selected (${redactedError(error, this.#rules).message})`)
      : redactedError(error, this.#rules, this.wasReady ? '' : hintOf(error, this.#rules));
    if (!this.#isReady || isSelect) this.#failed = true;
    this.tell('error', told);
    if (isSelect) this.#client?.disconnect(true);
  }

  /** Like an end of a connection, so that it is tried again. */
  #failToBegin(told: Error): void {
    this.#failed = true;
    this.#isClosed = false;
    this.tell('error', told);
    this.#onEnd();
  }

  #onClose(): void {
    clearTimeout(this.#delay);
    if (this.#endsForInfo !== undefined) {
      // It was no connection yet, and there is nothing to tell of it.
      this.#isClosed = true;
      return;
    }
    if (!this.#isReady && !this.#failed) {
      const told = this.#isBehindSentinels
        ? 'the sentinels named a server that closed the connection, or is no master'
        : 'the server closed the connection';
      this.tell('error', new Error(this.wasReady ? told : told + closedHint(this.#rules)));
    }
    this.#isReady = false;
    this.#failed = false;
    this.#isClosed = true;
    this.tell('close');
  }

  /**
   * ioredis gives up when no sentinel named a master, and whenever user and password are to be read anew.
   * When it gave up before there was a connection, it does not tell `close`.
   */
  #onEnd(): void {
    if (this.isOver) return;
    if (!this.#isClosed) this.#onClose();
    if (this.#endsForInfo !== undefined) {
      Object.assign(this.#client!.options, this.#endsForInfo);
      this.#endsForInfo = undefined;
      void this.connect().catch(() => undefined);
      return;
    }
    this.connectLater();
  }

  get #isBehindSentinels(): boolean {
    const { sentinels } = (this.#client?.options ?? {}) as { readonly sentinels?: unknown };
    return sentinels !== undefined && sentinels !== null;
  }
}

/** ioredis sends INFO before it says ready. A server where INFO was renamed away answers with this. */
const isReadyCheckUnknown = (error: unknown): boolean =>
  commandOf(error) === 'info' && error instanceof Error && /^ERR unknown command/i.test(error.message);

/** The class of the client's commands, by an example: a client does not tell its own class. */
function commandClassOf(client: Client): CommandClass {
  let example: object | undefined;
  const sendCommand = (command: object): Promise<string> => {
    example = command;
    return Promise.resolve('');
  };
  // Like the client, but it sends nothing.
  const likeIt = Object.create(client, { sendCommand: { value: sendCommand } }) as Client;
  void likeIt.info();
  if (example !== undefined) return example.constructor as CommandClass;
  throw new TypeError('its duplicate is no client of ioredis or iovalkey');
}
