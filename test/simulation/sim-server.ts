import type { Verb } from '../../src/node/redis/protocol/script.js';
import { Keyspace, type Publish } from './keyspace.js';
import type { ScriptFlaw } from './script-model/flaws.js';
import { runScript } from './script-model/run-script.js';
import { EPOCH_MS } from './sim-process.js';
import type { Timeline } from './timeline.js';

const MARKER = 'lock:quorlock:node';

/** An error that the server answers with, as ioredis makes it. */
class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

export interface Command {
  readonly name: 'evalsha' | 'eval' | 'script' | 'time' | 'info' | 'subscribe' | 'cluster';
  /** Of the script that it runs or loads. */
  readonly verb?: Verb | undefined;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** A TCP connection as the server sees it. */
export interface Peer {
  answer(reply: unknown): void;
  /** Something that was published on a channel it has subscribed to. */
  push(channel: string, message: string): void;
  /** The server's kernel has learnt that nobody is there any more. */
  readonly isGone: boolean;
  /** The server's process is gone: the connection breaks. */
  hangUp(): void;
}

/** What becomes of a server's data when it starts again. */
export type DataAtStart = 'kept' | 'lost' | 'stale';

type ServerState = 'up' | 'stopped' | 'down';

/** What a server knows as a part of a Cluster. */
export interface ClusterPlace {
  readonly isReplica: boolean;
  /** The error with which it turns a call of a script away; `undefined`: it carries it out. */
  refusal(command: Command): string | undefined;
  /** The answer to CLUSTER SLOTS or CLUSTER NODES. */
  topology(subcommand: string): unknown;
}

/** One node of a world: a server, or a Cluster of them. */
export interface Voter {
  readonly name: string;
  readonly servers: readonly SimServer[];
  readonly isUp: boolean;
  /** Whether nothing it granted is forgotten, and it says so. */
  readonly isTrusted: boolean;
  readonly wasSetBack: boolean;
  readonly wasStepped: boolean;
  /** The server that has this key, if any has. */
  storeOf(key: string): SimServer;
}

/**
 * A redis-server: its own clock, its keys, and the order in which it carries out what has come in. A stopped
 * one (SIGSTOP) carries nothing out, while its kernel goes on taking connections and requests.
 */
export class SimServer implements Voter {
  #state: ServerState = 'up';
  #keyspace = new Keyspace();
  #snapshot = new Keyspace();
  /** Those that are loaded. */
  readonly #scripts = new Set<Verb>();
  #starts = 0;
  #inbox: { readonly peer: Peer; readonly command: Command }[] = [];
  readonly #peers = new Set<Peer>();
  readonly #subscribers = new Map<string, Set<Peer>>();
  #trueAt: number;
  #clockAt: number;
  #wasSetBack = false;
  #wasStepped = false;
  /** Where it is in a Cluster; `undefined`: in none. */
  place: ClusterPlace | undefined;

  constructor(
    readonly name: string,
    private readonly timeline: Timeline,
    readonly rate: number,
    skewMs: number,
    private readonly flaw: ScriptFlaw | undefined,
    private readonly onExecuted: (server: SimServer, command: Command, reply: unknown) => void,
    private readonly tickAheadMs?: number,
  ) {
    this.#trueAt = timeline.now;
    this.#clockAt = EPOCH_MS + timeline.now + skewMs;
  }

  get state(): ServerState {
    return this.#state;
  }

  get runId(): string {
    return `${this.name}.${this.#starts}`.padEnd(40, '0');
  }

  get servers(): readonly SimServer[] {
    return [this];
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  storeOf(): SimServer {
    return this;
  }

  /** The node's TIME, in milliseconds. */
  get clockMs(): number {
    return this.#clockAt + (this.timeline.now - this.#trueAt) * this.rate;
  }

  /** The keys as they are now. */
  get keyspace(): Keyspace {
    this.#keyspace.nowMs = Math.floor(this.clockMs);
    return this.#keyspace;
  }

  /** The true instant at which an instant of the node's time comes, if the clock goes on as it does. */
  trueTimeOf(clockMs: number): number {
    return this.timeline.now + (clockMs - this.clockMs) / this.rate;
  }

  /** Whether its marker says that its votes count: it is up, in no quarantine, and not about to begin one. */
  get isTrusted(): boolean {
    const field = (name: string): string => this.keyspace.field(MARKER, name) ?? '';
    const [since, longest, lifted] = [field('since'), Number(field('longest')), field('lifted')];
    if (this.#state === 'down' || since === '' || field('run') !== this.runId) return false;
    return since === '0' || lifted === since || Number(since) / 1_000 + longest <= this.clockMs;
  }

  connect(peer: Peer): void {
    this.#peers.add(peer);
  }

  /**
   * A request has arrived. What comes over a connection that a dead process had is thrown away by the kernel.
   */
  receive(peer: Peer, command: Command): void {
    if (!this.#peers.has(peer)) return;
    if (this.#state === 'stopped') this.#inbox.push({ peer, command });
    else this.#carryOut(peer, command);
  }

  stop(): void {
    if (this.#state === 'up') this.#state = 'stopped';
  }

  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'up';
    for (const { peer, command } of this.#inbox.splice(0)) this.#carryOut(peer, command);
  }

  /** SIGKILL. */
  kill(): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#inbox = [];
    for (const peer of this.#peers) peer.hangUp();
    this.#peers.clear();
  }

  start(data: DataAtStart): void {
    if (this.#state !== 'down') return;
    this.#state = 'up';
    this.#starts++;
    this.#scripts.clear();
    if (data === 'lost') this.#keyspace = new Keyspace();
    if (data === 'stale') this.#keyspace = this.#snapshot.copy();
  }

  /** Writes what there is to disk: a stale start brings it back. */
  save(): void {
    this.#snapshot = this.keyspace.copy();
  }

  /** All its keys are these from now on, as a replica has those of its master. */
  replaceKeys(keyspace: Keyspace): void {
    this.#keyspace = keyspace;
  }

  flushAll(): void {
    this.#keyspace = new Keyspace();
  }

  flushScripts(): void {
    this.#scripts.clear();
  }

  /** A step back prolongs the life of what is there, by as much. */
  get wasSetBack(): boolean {
    return this.#wasSetBack;
  }

  get wasStepped(): boolean {
    return this.#wasStepped;
  }

  stepClock(byMs: number): void {
    this.#wasStepped = true;
    this.#wasSetBack ||= byMs < 0;
    this.#clockAt += byMs;
  }

  #carryOut(peer: Peer, command: Command): void {
    const reply = this.#reply(peer, command);
    this.onExecuted(this, command, reply);
    peer.answer(reply);
  }

  readonly #publish: Publish = (channel, message) => {
    const peers = [...(this.#subscribers.get(channel) ?? [])].filter(
      (peer) => this.#peers.has(peer) && !peer.isGone,
    );
    for (const peer of peers) peer.push(channel, message);
    return peers.length;
  };

  #subscribe(peer: Peer, channel: string): number {
    const peers = this.#subscribers.get(channel) ?? new Set();
    this.#subscribers.set(channel, peers.add(peer));
    return 1;
  }

  #reply(peer: Peer, command: Command): unknown {
    const nowUs = Math.floor(this.clockMs * 1_000);
    const { name, verb, args } = command;
    switch (name) {
      case 'time':
        return [String(Math.floor(nowUs / 1e6)), String(nowUs % 1e6)];
      case 'info':
        return this.#info();
      case 'cluster':
        return this.place?.topology(String(args[0])) ?? new ReplyError('ERR cluster support is disabled');
      case 'subscribe':
        return this.#subscribe(peer, String(args[0]));
      case 'script':
        this.#scripts.add(verb!);
        return 'sha';
      case 'eval':
      case 'evalsha':
        return this.#runScript(command, nowUs);
    }
  }

  #runScript(command: Command, nowUs: number): unknown {
    const { name, keys, args } = command;
    const verb = command.verb!;
    const refusal = this.place?.refusal(command);
    if (refusal !== undefined) return new ReplyError(refusal);
    if (name === 'eval') this.#scripts.add(verb);
    if (!this.#scripts.has(verb)) return new ReplyError('NOSCRIPT No matching script. Please use EVAL.');
    return runScript(verb, this.#keyspace, keys, args, nowUs, this.#publish, this.flaw, this.tickAheadMs);
  }

  #info(): string {
    const fields = {
      redis_version: '7.0.15',
      run_id: this.runId,
      loading: 0,
      role: this.place?.isReplica === true ? 'slave' : 'master',
      redis_mode: this.place === undefined ? 'standalone' : 'cluster',
      maxmemory: 0,
      maxmemory_policy: 'noeviction',
      evicted_keys: 0,
    };
    return Object.entries(fields)
      .map(([field, value]) => `${field}:${value}\r\n`)
      .join('');
  }
}
