import { randomUUID } from 'node:crypto';
import type { Stamp } from '../../../core/validity.js';
import type { Timer } from '../../../clock.js';
import { reconnectDelayMs } from '../../../core/backoff.js';
import { failed, type Failed } from '../../../core/vote.js';
import type { NodeMemory, NodeState } from '../../lock-node.js';
import type { NodeSettings } from '../../node-options.js';
import { findingOf, guardWords, repliesIn, scriptCall, type Guard } from '../protocol/batch.js';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import { markerKeyOf } from '../protocol/keys.js';
import { permissionErrorOf } from './permission-errors.js';
import type { MarkerPlace, Operation, ScriptCall } from '../protocol/script-call.js';
import { SCRIPT } from '../protocol/script.js';
import { misconfigurationOf, serverInfoOf } from './server-info.js';
import { VotingState } from './voting-state.js';

export interface ServerSettings extends NodeSettings {
  /** Set if the server is a shard of a Cluster. */
  readonly shard?: {
    /** The key of its marker now. */
    marker(): string;
  };
}

/** After this, a server that cannot vote in its place, such as a replica, is connected to again. */
const RECHECK_MS = 5_000;
/** How often a node is looked at even if nobody asks it, so that a restart or a clock step is seen early. */
const PROBE_MS = 5_000;

/**
 * The server behind a node, or the master behind sentinels, over a connection of its own: who it is, and
 * whether it may vote. Every call goes through here, because every reply tells something about that.
 */
export class RedisServer implements NodeMemory {
  readonly keyPrefix: string;
  /** Whether it may vote. */
  readonly voting: VotingState;
  readonly #endpoint: Endpoint;
  readonly #settings: ServerSettings;
  readonly #usualPlace: MarkerPlace;
  readonly #connection: Connection;
  /** Counts connections, so that a late word of an old one is not taken for the present one's. */
  #epoch = 0;
  #lastError = 'not connected';
  /** What the guard of every vote is told. It stays the same as long as the server does. */
  #usualGuard: { readonly runId: string; readonly words: string } | undefined;
  #nextLook: Timer | undefined;
  /** The node's id, if it has none yet. */
  readonly #spareId = randomUUID();

  constructor(
    endpoint: Endpoint,
    settings: ServerSettings,
    /** Called when the connection breaks. */
    private readonly onLost: () => void,
  ) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    this.#usualPlace = { marker: markerKeyOf(this.keyPrefix) };
    // A look when the quarantine ends: the node votes again at once, and not one probe later.
    this.voting = new VotingState(settings, settings.shard !== undefined, () => this.#lookAgain());
    this.#connection = this.open();
    this.#connection.on('ready', () => void this.#introduce());
    this.#connection.on('close', () => this.#onClose());
    this.#connection.on('error', (error) => this.#onError(error));
    // A failure arrives as an event, too.
    this.#connection.connect().catch(() => undefined);
  }

  get state(): NodeState {
    return this.voting.state;
  }

  /** Another connection to the server, not yet connected. */
  open(): Connection {
    const { random } = this.#settings;
    return this.#endpoint.open((attempt) => reconnectDelayMs(attempt, random()));
  }

  /**
   * Sends operations; `latestMs` is the latest of their deadlines. Calls back once, with one reply for each
   * operation or with what went wrong.
   */
  ask(
    operations: readonly Operation[],
    latestMs: number,
    answered: (replies: readonly unknown[] | Failed) => void,
  ): void {
    const call = this.#call(operations, this.voting.nodeClock.aheadUs(latestMs));
    this.#run(call, (error, replies) => answered(replies ?? this.#failureOf(error)));
  }

  look(): Promise<void> {
    return this.#command('look');
  }

  trust(): Promise<void> {
    this.voting.endQuarantine();
    return this.#command(this.state.status === 'new' ? 'first use' : 'trust');
  }

  /** The guard of any call writes the missing marker, and with it the beginning of the quarantine. */
  recordLoss(): Promise<void> {
    return this.#command('');
  }

  quarantine(reason: string): void {
    this.voting.quarantine(reason);
  }

  /**
   * The marker has another name from now on.
   * - `remembers`: the server still knows everything that it knew under the old name, so it is trusted as
   *   before. Only its counters go on from the time, because the new marker does not know what the old one
   *   said of them.
   * - `before`: the marker has had this name before, and the server may have lost something since.
   * - `none`: the server may not know what is in its new slots.
   */
  async rename(memory: 'remembers' | 'before' | 'none'): Promise<void> {
    const { status } = this.state;
    const command =
      memory === 'before' ? 'distrust' : memory === 'remembers' && status === 'ready' ? 'trust' : '';
    if (status !== 'new') await this.#command(command);
    await this.look();
  }

  recordMembers(members: string): Promise<void> {
    return this.#command('members', members);
  }

  leave(state: NodeState): void {
    this.#nextLook?.cancel();
    this.voting.end(state);
    this.#connection.disconnect();
  }

  /** The master has become a replica. A new handshake finds out. */
  onDemotion(): void {
    this.#connection.disconnect(true);
  }

  async #command(command: Guard['command'], given?: string): Promise<void> {
    try {
      await this.#tell(command, given);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Runs the guard without operations. */
  #tell(command: Guard['command'], given?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#run(this.#call([], 0, command, given), (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  #call(
    operations: readonly Operation[],
    aheadUs: number,
    command: Guard['command'] = '',
    given: string = this.#spareId,
  ): ScriptCall {
    return scriptCall(this.#place(), this.#guardWords(command, given), aheadUs, operations);
  }

  #place(): MarkerPlace {
    const { shard } = this.#settings;
    return shard === undefined
      ? this.#usualPlace
      : { marker: shard.marker(), elsewhere: this.#usualPlace.marker };
  }

  #guardWords(command: Guard['command'], given: string): string {
    const runId = this.voting.info.runId ?? '';
    if (command === '' && this.#usualGuard?.runId === runId) return this.#usualGuard.words;
    const { quarantineMs } = this.#settings;
    const words = guardWords({ quarantineMs, runId, durable: this.#endpoint.durable, command, given });
    if (command === '') this.#usualGuard = { runId, words };
    return words;
  }

  #run(
    call: ScriptCall,
    done: (error: Error | undefined, replies: readonly unknown[] | undefined) => void,
  ): void {
    const epoch = this.#epoch;
    const sentAt = this.#settings.clock.stamp();
    const replied = (error: Error | undefined, reply: unknown): void => {
      if (error !== undefined) return done(error, undefined);
      if (!Array.isArray(reply))
        return done(new Error('the node answered with something that is no list'), undefined);
      const [nodeUs, found] = reply as unknown[];
      if (epoch === this.#epoch) this.#learn(sentAt, nodeUs, found);
      done(undefined, repliesIn(reply, 2));
    };
    this.#connection.run(call, (error, reply) => {
      // The server's script cache was emptied (SCRIPT FLUSH). The deadline in the call still holds.
      if (error?.message.startsWith('NOSCRIPT')) this.#connection.runAndLoad(call, replied);
      else replied(error, reply);
    });
  }

  #learn(sentAt: Stamp, nodeUs: unknown, found: unknown): void {
    this.voting.learn(sentAt, Number(nodeUs) / 1_000, findingOf(found));
  }

  #failureOf(error: unknown): Failed {
    const message = messageOf(error);
    const answered = error instanceof Error && error.name === 'ReplyError';
    if (message.startsWith('READONLY')) this.onDemotion();
    // A new error: the client's own carries the command with its arguments.
    return failed(answered ? 'error' : 'disconnected', new Error(message));
  }

  /** What comes before a connection's first vote: who is there, the script, and what the marker says. */
  async #introduce(): Promise<void> {
    const epoch = ++this.#epoch;
    this.#nextLook?.cancel();
    try {
      const [info, master] = await Promise.all([
        this.#connection.info().catch(() => ''),
        this.#endpoint.masterRunId?.(),
        this.#connection.script('LOAD', SCRIPT).catch(() => undefined),
      ]);
      if (epoch !== this.#epoch || this.voting.ended) return;
      this.voting.info = serverInfoOf(info);
      const fault = this.#misconfiguration(master);
      if (fault !== undefined) this.#standBy(fault);
      else {
        await this.#tell('look');
        this.#lookAgain();
      }
    } catch (error) {
      if (epoch !== this.#epoch) return;
      this.#onError(error);
      if (this.state.status !== 'misconfigured')
        this.voting.set({ status: 'unreachable', reason: this.#lastError });
      // Not at once: the connection was let in, so ioredis would be back without a pause, for ever.
      this.#recheckLater();
    }
  }

  /** Plans the next look: after `PROBE_MS`, or when the quarantine ends. */
  #lookAgain(): void {
    const { clock } = this.#settings;
    const { trustedAt = Number.POSITIVE_INFINITY } = this.state;
    const delayMs = Math.min(PROBE_MS, Math.max(1, trustedAt - clock.now()));
    this.#nextLook?.cancel();
    this.#nextLook = clock.setTimer(() => void this.#probe(), delayMs, 'background');
  }

  async #probe(): Promise<void> {
    const epoch = this.#epoch;
    const before = this.voting.info;
    try {
      const [text, master] = await Promise.all([
        before.runId === undefined ? '' : this.#connection.info(),
        this.#endpoint.masterRunId?.(),
      ]);
      if (epoch !== this.#epoch || this.voting.ended) return;
      const info = (this.voting.info = serverInfoOf(text));
      const fault = this.#misconfiguration(master);
      if (fault !== undefined) return this.#standBy(fault);
      await this.#tell(info.evictedKeys > before.evictedKeys ? 'distrust' : 'look');
    } catch {
      // The next request for a vote reports what is wrong.
    }
    if (epoch === this.#epoch && !this.voting.ended) this.#lookAgain();
  }

  #misconfiguration(masterRunId: string | undefined): string | undefined {
    const { failsOver } = this.#endpoint;
    const isShard = this.#settings.shard !== undefined;
    return misconfigurationOf(this.voting.info, { failsOver, isShard, masterRunId });
  }

  #standBy(reason: string): void {
    this.voting.set({ status: 'misconfigured', reason });
    this.#recheckLater();
  }

  #recheckLater(): void {
    const again = (): void => this.#connection.disconnect(true);
    this.#nextLook = this.#settings.clock.setTimer(again, RECHECK_MS, 'background');
  }

  #onError(error: unknown): void {
    const message = messageOf(error);
    this.#lastError = message;
    const reason = permissionErrorOf(message);
    if (reason !== undefined) this.voting.set({ status: 'misconfigured', reason });
  }

  #onClose(): void {
    this.#epoch++;
    this.onLost();
    this.#nextLook?.cancel();
    if (this.state.status === 'misconfigured') return;
    this.voting.set({ status: 'unreachable', reason: this.#lastError });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
