import type { Timer } from '../../src/testing/index.js';
import type {
  Connection,
  ConnectionEvents,
  Listener,
  Replied,
} from '../../src/node/redis/connection/connection.js';
import type { ClusterEndpoint } from '../../src/node/redis/cluster/cluster-endpoint.js';
import type { Endpoint } from '../../src/node/redis/connection/endpoint.js';
import type { ScriptCall } from '../../src/node/redis/protocol/script-call.js';
import { SCRIPTS } from '../../src/node/redis/protocol/scripts.js';
import { Channel, type Link } from './network.js';
import type { SimProcess } from './sim-process.js';
import type { Command, Peer, SimServer, Voter } from './sim-server.js';

/** As the real connection's settings have it. */
const SILENCE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 100;

/** That of every server of a Cluster. Their hosts tell them apart. */
export const SIM_PORT = 6379;

/** Where the keys begin among the words of a command: after EVAL, the script, and how many keys there are. */
const KEYS_AT = 3;
const CARRIAGE_RETURN = 13;
const ZERO = 48;
const VERBS_BY_SHA = new Map(SCRIPTS.map(({ sha, verb }) => [sha, verb]));
const VERBS_BY_TEXT = new Map(SCRIPTS.map(({ text, verb }) => [text, verb]));

type Listeners = { [Name in keyof ConnectionEvents]?: Listener<Name> };

interface Pending {
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/**
 * What ioredis does with the settings of `src/node/redis/connection/ioredis.ts`, over a simulated network: no
 * offline queue, no resending, a new connection after the old one broke, a connection that is silent for too
 * long given up.
 */
class SimConnection implements Connection {
  #socket: Socket | undefined;
  #ready = false;
  #manuallyClosed = false;
  #retries = 0;
  #retry: Timer | undefined;
  readonly #listeners: Listeners = {};

  constructor(
    private readonly process: SimProcess,
    private readonly route: Route,
    private readonly link: Link,
    private readonly retryDelayMs: (attempt: number) => number,
    private readonly sendsTwice: boolean,
  ) {}

  on<Name extends keyof ConnectionEvents>(event: Name, listener: Listener<Name>): this {
    Object.assign(this.#listeners, { [event]: listener });
    return this;
  }

  connect(): Promise<void> {
    this.#manuallyClosed = false;
    this.#open();
    return Promise.resolve();
  }

  disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#manuallyClosed = true;
      this.#retry?.cancel();
    }
    this.#ready = false;
    this.#socket?.end();
  }

  run(call: ScriptCall, replied: Replied): void {
    this.#runScript(call.encode('EVALSHA'), replied);
  }

  runAndLoad(call: ScriptCall, replied: Replied): void {
    this.#runScript(call.encode('EVAL'), replied);
  }

  /** Each call is a message of its own: more can happen between two of them than on one connection. */
  inOneWrite(send: () => void): void {
    send();
  }

  #runScript(encoded: Buffer | string, replied: Replied): void {
    const words = wordsIn(encoded.toString());
    const argsAt = KEYS_AT + Number(words[2]);
    const [keys, args] = [words.slice(KEYS_AT, argsAt), words.slice(argsAt)];
    const isSent = words[0] === 'EVAL';
    const verb = (isSent ? VERBS_BY_TEXT : VERBS_BY_SHA).get(words[1]!);
    this.#send({ name: isSent ? 'eval' : 'evalsha', verb, keys, args }).then(
      (reply) => replied(undefined, reply),
      (error: Error) => replied(error, undefined),
    );
  }

  script(_subcommand: 'LOAD', script: string): Promise<unknown> {
    const verb = VERBS_BY_TEXT.get(script);
    return this.#send({ name: 'script', verb, keys: [], args: [] });
  }

  cluster(subcommand: 'SLOTS' | 'NODES'): Promise<unknown> {
    return this.#send({ name: 'cluster', keys: [], args: [subcommand] });
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#send({ name: 'subscribe', keys: [], args: [channel] });
  }

  info(): Promise<string> {
    return this.#send({ name: 'info', keys: [], args: [] }) as Promise<string>;
  }

  config(): Promise<never> {
    return Promise.reject(new Error("ERR unknown command 'CONFIG'"));
  }

  /** The simulated servers have no replicas, so nothing has to reach any. */
  wait(replicas: number): Promise<number> {
    return Promise.resolve(replicas);
  }

  waitOnDisk(replicas: number): Promise<readonly number[]> {
    return Promise.resolve([1, replicas]);
  }

  #send(command: Command): Promise<unknown> {
    if (!this.#ready || this.#socket === undefined)
      return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    return this.#socket.request(command);
  }

  #open(): void {
    const socket = new Socket(this.process, this.route.server, this.link, this.sendsTwice, {
      connected: () => void this.#checkReady(socket),
      failed: (error) => this.#listeners.error?.(error),
      closed: () => this.#closed(),
      message: (channel, message) => this.#listeners.message?.(channel, message),
    });
    this.#socket = socket;
    socket.open();
  }

  /** ioredis asks for INFO before it calls a connection ready. */
  async #checkReady(socket: Socket): Promise<void> {
    try {
      await socket.request({ name: 'info', keys: [], args: [] });
    } catch {
      // The connection broke meanwhile; that is told by its own event.
      return;
    }
    if (this.#socket !== socket || !socket.isOpen) return;
    this.#ready = true;
    this.#retries = 0;
    this.#listeners.ready?.();
  }

  #closed(): void {
    this.#ready = false;
    this.#listeners.close?.();
    if (this.#manuallyClosed) return;
    this.#retry = this.process.setTimer(() => this.#open(), this.retryDelayMs(++this.#retries));
  }
}

/**
 * The words of a command, as a server reads them. All that a world sends is ASCII: a length in bytes counts
 * characters.
 */
function wordsIn(command: string): string[] {
  const words: string[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (at++; at < command.length && command.charCodeAt(at) !== CARRIAGE_RETURN; at++)
      value = 10 * value + command.charCodeAt(at) - ZERO;
    at += 2;
    return value;
  };
  for (let left = number(); left > 0; left--) {
    const length = number();
    words.push(command.slice(at, at + length));
    at += length + 2;
  }
  if (at !== Buffer.byteLength(command)) throw new Error('the command has another length than it says');
  return words;
}

/** One TCP connection. */
class Socket {
  readonly #up: Channel;
  readonly #down: Channel;
  readonly #pending: Pending[] = [];
  readonly #received: unknown[] = [];
  #state: 'opening' | 'open' | 'ending' | 'closed' = 'opening';
  #timeout: Timer | undefined;
  #silence: Timer | undefined;
  #forget: () => void = () => undefined;
  readonly #peer: Peer;

  constructor(
    private readonly process: SimProcess,
    private readonly server: SimServer,
    private readonly link: Link,
    private readonly sendsTwice: boolean,
    private readonly on: {
      connected(): void;
      failed(error: Error): void;
      closed(): void;
      message(channel: string, message: string): void;
    },
  ) {
    this.#up = new Channel(link);
    this.#down = new Channel(link);
    const isGone = (): boolean => this.#state === 'closed' || this.process.state === 'dead';
    this.#peer = {
      answer: (reply) => this.#down.carry(() => this.#onArrival(reply)),
      push: (channel, message) =>
        this.#down.carry(() =>
          this.process.post(() => {
            if (this.#state !== 'closed') this.on.message(channel, message);
          }),
        ),
      get isGone() {
        return isGone();
      },
      hangUp: () => {
        this.#down.hangUp(() => this.process.post(() => this.#close()));
      },
    };
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  open(): void {
    this.#timeout = this.process.setTimer(
      () => this.#fail(new Error('connect ETIMEDOUT')),
      CONNECT_TIMEOUT_MS,
    );
    this.#forget = this.link.onReset(() => this.#onReset());
    this.#up.carry(() => {
      const refused = this.server.state === 'down';
      if (!refused) this.server.connect(this.#peer);
      this.#down.carry(() =>
        this.process.post(() => {
          if (this.#state !== 'opening') return;
          this.#timeout?.cancel();
          if (refused) {
            this.#fail(new Error('connect ECONNREFUSED'));
          } else {
            this.#state = 'open';
            this.on.connected();
          }
        }),
      );
    });
  }

  request(command: Command): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#state !== 'open') {
        reject(new Error('Connection is closed.'));
        return;
      }
      this.#pending.push({ resolve, reject });
      this.#up.carry(() => this.server.receive(this.#peer, command));
      if (this.sendsTwice) this.#sendAgain(command);
      if (this.#silence === undefined) this.#expectData();
    });
  }

  /**
   * As a client does that repeats what it had no answer to: it comes once more, much later, and the answer is
   * lost.
   */
  #sendAgain(command: Command): void {
    const nobody: Peer = {
      answer: () => undefined,
      push: () => undefined,
      isGone: true,
      hangUp: () => undefined,
    };
    this.server.connect(nobody);
    this.link.timeline.after(150 + this.link.delayMs(), () => this.server.receive(nobody, command));
  }

  /** Orderly: what was sent still goes out, and is carried out, although nobody waits for the answer. */
  end(): void {
    if (this.#state === 'closed' || this.#state === 'ending') return;
    const connected = this.#state === 'open';
    this.#state = 'ending';
    const answerMs = connected ? this.link.delayMs() * 2 : 1;
    this.process.setTimer(() => this.#close(), Math.min(DISCONNECT_TIMEOUT_MS, answerMs));
  }

  #expectData(): void {
    this.#silence = this.process.setTimer(() => {
      this.#silence = undefined;
      this.#fail(new Error("Socket timeout. Expecting data, but didn't receive any."));
    }, SILENCE_MS);
  }

  /** What comes in while the process does not run is read all at once when it does. */
  #onArrival(reply: unknown): void {
    this.#received.push(reply);
    if (this.#received.length > 1) return;
    this.process.post(() => {
      for (const one of this.#received.splice(0)) this.#onReply(one);
    });
  }

  #onReply(reply: unknown): void {
    if (this.#state === 'closed') return;
    this.#silence?.cancel();
    this.#silence = undefined;
    const pending = this.#pending.shift();
    if (this.#pending.length > 0) this.#expectData();
    if (reply instanceof Error) pending?.reject(reply);
    else pending?.resolve(reply);
  }

  #onReset(): void {
    if (this.#state === 'closed') return;
    this.#up.cut();
    this.#down.cut();
    this.link.timeline.after(this.link.delayMs(), () => this.process.post(() => this.#close()));
  }

  #fail(error: Error): void {
    if (this.#state === 'closed') return;
    this.on.failed(error);
    this.#close();
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#timeout?.cancel();
    this.#silence?.cancel();
    this.#forget();
    this.on.closed();
    for (const { reject } of this.#pending.splice(0)) reject(new Error('Connection is closed.'));
  }
}

/** Which server an address leads to, for one process. New connections go there. */
export interface Route {
  readonly address: string;
  server: SimServer;
}

/** Where a process finds a Cluster. `links` are those to its servers. */
export function simClusterEndpoint(
  process: SimProcess,
  cluster: Voter,
  links: readonly Link[],
  sendsTwice: boolean,
): ClusterEndpoint {
  const endpoints = cluster.servers.map((server, at) => {
    const route = { server, address: `${server.name}:${SIM_PORT}` };
    return { ...simEndpoint(process, route, links[at]!, false, sendsTwice), failsOver: true };
  });
  const name = `cluster:${cluster.name}`;
  const serverAt = (host: string): Endpoint => endpoints.find((one) => one.name === host)!;
  return { name, address: name, clientPrefix: '', seeds: endpoints, serverAt };
}

/** Where a process finds a server. */
export const simEndpoint = (
  process: SimProcess,
  route: Route,
  link: Link,
  durable: boolean,
  sendsTwice = false,
): Endpoint => ({
  name: route.server.name,
  address: route.address,
  clientPrefix: '',
  durable,
  failsOver: false,
  open: (retryDelayMs) => new SimConnection(process, route, link, retryDelayMs, sendsTwice),
});
