import { randomUUID } from 'node:crypto';
import type { Timer } from '../../../clock.js';
import { reconnectDelayMs } from '../../../core/backoff.js';
import { failed, type Failed } from '../../../core/vote.js';
import type { NodeMemory, NodeState } from '../../lock-node.js';
import type { NodeSettings } from '../../node-options.js';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import type { GuardCommand } from '../protocol/guard.js';
import { markerKeyOf } from '../protocol/keys.js';
import { findingIn } from '../protocol/replies.js';
import { guardContent } from '../protocol/requests.js';
import { headerOf, ScriptCall, type CallContent, type CallHeader } from '../protocol/script-call.js';
import { SCRIPTS } from '../protocol/scripts.js';
import { permissionErrorOf } from './permission-errors.js';
import { misconfigurationOf, serverInfoOf } from './server-info.js';
import { VotingState } from './voting-state.js';

export interface ServerSettings extends NodeSettings {
  /** Set if the server is a shard of a Cluster. */
  readonly shard?: {
    /** The key of its marker now. */
    marker(): string;
  };
}

/** The whole reply of a call, with an answer to each of its operations, or what went wrong. */
export type CallResult = readonly unknown[] | Failed;

const NO_REPLY = new Error('the node answered with something that is no reply of a script');

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
  readonly #connection: Connection;
  /** Counts connections, so that a late word of an old one is not taken for the present one's. */
  #epoch = 0;
  #lastError = 'not connected';
  /** What every call tells the guard. It stays the same as long as the server and its marker do. */
  #header: { readonly runId: string; readonly marker: string; readonly words: CallHeader } | undefined;
  /** Counts the calls. */
  #sent = 0;
  /** The number of the last call before the latest one that was sent again with its script. */
  #sentBeforeRetry = 0;
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

  /** Sends calls in one write, in order. Calls back once for each, with its reply or with what went wrong. */
  ask(calls: readonly CallContent[], answered: (call: CallContent, result: CallResult) => void): void {
    if (calls.length === 1) this.#ask(calls[0]!, answered);
    else
      this.#connection.inOneWrite(() => {
        for (const call of calls) this.#ask(call, answered);
      });
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
    return this.#command('mark');
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
      memory === 'before' ? 'quarantine' : memory === 'remembers' && status === 'ready' ? 'trust' : 'mark';
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

  async #command(command: GuardCommand, members?: string): Promise<void> {
    try {
      await this.#tell(command, members);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Runs the guard without operations. */
  #tell(command: GuardCommand, members = ''): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#run(guardContent(command, members), (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  #ask(call: CallContent, answered: (call: CallContent, result: CallResult) => void): void {
    this.#run(call, (error, reply) => answered(call, reply ?? this.#failureOf(error)));
  }

  #run(
    content: CallContent,
    done: (error: Error | undefined, reply: readonly unknown[] | undefined) => void,
  ): void {
    const epoch = this.#epoch;
    const number = ++this.#sent;
    const sentAt = this.#settings.clock.stamp();
    const call = new ScriptCall(this.#callHeader(), this.#deadlineUs(content), content);
    const replied = (error: Error | undefined, reply: unknown): void => {
      if (error !== undefined) return done(error, undefined);
      const finding = findingIn(reply);
      if (finding === undefined) return done(NO_REPLY, undefined);
      if (epoch === this.#epoch) this.voting.learn(sentAt, finding);
      done(undefined, reply as readonly unknown[]);
    };
    this.#connection.run(call, (error, reply) => {
      // The server's script cache was emptied (SCRIPT FLUSH). The deadline in the call still holds.
      if (error?.message.startsWith('NOSCRIPT')) {
        this.#sentBeforeRetry = this.#sent;
        this.#connection.runAndLoad(call, replied);
      } else if (error === undefined && content.script.verb === 'release' && number <= this.#sentBeforeRetry) {
        // It was sent after the call that is only now carried out, and must follow it again.
        this.#connection.runAndLoad(call, replied);
      } else {
        replied(error, reply);
      }
    });
  }

  /** Until when the call may act, in whole microseconds of the node's time. Never later than asked for. */
  #deadlineUs({ script, deadlineAt }: CallContent): number {
    if (!script.hasDeadline) return 0;
    const untilMs = Math.floor(deadlineAt);
    return untilMs * 1_000 + this.voting.nodeClock.aheadUs(untilMs);
  }

  #callHeader(): CallHeader {
    const { shard, quarantineMs } = this.#settings;
    const marker = shard?.marker() ?? markerKeyOf(this.keyPrefix);
    const { runId = '' } = this.voting.info;
    if (this.#header?.runId !== runId || this.#header.marker !== marker) {
      const isApart = shard !== undefined;
      const { durable } = this.#endpoint;
      const spareId = this.#spareId;
      const words = headerOf({ marker, isApart, quarantineMs, runId, durable, spareId });
      this.#header = { runId, marker, words };
    }
    return this.#header.words;
  }

  #failureOf(error: unknown): Failed {
    const message = messageOf(error);
    const answered = error === NO_REPLY || (error instanceof Error && error.name === 'ReplyError');
    if (message.startsWith('READONLY')) this.onDemotion();
    // A new error: the client's own carries the command with its arguments.
    return failed(answered ? 'error' : 'disconnected', new Error(message));
  }

  /** What comes before a connection's first vote: who is there, the scripts, and what the marker says. */
  async #introduce(): Promise<void> {
    const epoch = ++this.#epoch;
    this.#nextLook?.cancel();
    try {
      const [info, master] = await Promise.all([
        this.#connection.info().catch(() => ''),
        this.#endpoint.masterRunId?.(),
        ...SCRIPTS.map(({ text }) => this.#connection.script('LOAD', text).catch(() => undefined)),
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
      await this.#tell(info.evictedKeys > before.evictedKeys ? 'quarantine' : 'look');
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
