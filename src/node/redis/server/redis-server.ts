import { reconnectDelayMs } from '../../../core/backoff.js';
import { failed, type Failed } from '../../../core/vote.js';
import type { RecordWrite } from '../../node-memory.js';
import type { NodeState } from '../../node-state.js';
import { findingIn, type Finding, type GuardCommand } from '../../server/finding.js';
import { ServerMemory } from '../../server/server-memory.js';
import { VotingState } from '../../server/voting-state.js';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import { guardContent, recordContent } from '../protocol/requests.js';
import type { CallContent } from '../protocol/script-call.js';
import { permissionErrorOf } from './permission-errors.js';
import { NO_REPLY, ScriptCalls } from './script-calls.js';
import { shortageOf, type Replication } from './replication.js';
import { serverInfoOf, type ServerInfo } from './server-info.js';
import type { ServerSettings } from './server-settings.js';
import { ServerWatch } from './server-watch.js';

/** The whole reply of a call, with an answer to each of its operations, or what went wrong. */
export type CallResult = readonly unknown[] | Failed;

const FORGOT = 'it is new, or lost its memory: it restarted or was emptied';
const MISFIT = 'a reply did not fit its request: the connection was begun anew';
/** Behind sentinels the server that is asked now may never have been the master before. */
const FAILED_OVER = 'it is new, or lost its memory: it restarted, was emptied, or a replica took its place';
const SHARD_FORGOT =
  'it is new, lost its memory, or took slots over: it restarted, was emptied, promoted or given more';

/**
 * The server behind a node, or the master behind sentinels, over a connection of its own: carries out calls,
 * and the commands to its guard.
 */
export class RedisServer extends ServerMemory<ServerInfo> {
  readonly keyPrefix: string;
  readonly voting: VotingState<ServerInfo>;
  /**
   * Missing where another server may have taken this one's place: the one before may still vote for clients
   * that cannot see that, until `maxTtlMs` has passed.
   */
  readonly lift?: (memory: string) => Promise<void>;
  readonly #endpoint: Endpoint;
  readonly #settings: ServerSettings;
  readonly #connection: Connection;
  readonly #calls: ScriptCalls;
  readonly #watch: ServerWatch;
  #lastError = 'not connected';

  constructor(
    endpoint: Endpoint,
    settings: ServerSettings,
    /** Called when the connection breaks. */
    private readonly onLost: () => void,
  ) {
    super();
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    // A look when the quarantine ends: the node votes again at once, and not one probe later.
    this.voting = new VotingState(
      settings,
      serverInfoOf(''),
      settings.shard !== undefined ? SHARD_FORGOT : endpoint.failsOver ? FAILED_OVER : FORGOT,
      {
        onUntrusted: () => this.#watch.lookAgain(),
        onPutBack: () => void this.command('quarantine'),
      },
    );
    this.#connection = this.open();
    if (!endpoint.failsOver) this.lift = (memory) => this.command('lift', memory);
    const { keyPrefix } = this;
    this.#calls = new ScriptCalls(this.#connection, this.voting, settings, keyPrefix, endpoint);
    this.#watch = new ServerWatch(
      {
        endpoint,
        connection: this.#connection,
        calls: this.#calls,
        voting: this.voting,
        tell: (command) => this.tell(command),
        onError: (error) => this.#onError(error),
      },
      settings,
    );
    this.#connection.on('ready', () => {
      // An error from before is not why this connection will end.
      this.#lastError = 'the connection was closed';
      void this.#watch.introduce();
    });
    this.#connection.on('close', () => this.#onClose());
    this.#connection.on('error', (error) => this.#onError(error));
    this.#connection.on('delayed', (reason) => this.voting.set({ status: 'unreachable', reason }));
    if (settings.wanted === undefined) this.#connect();
    else void settings.wanted.then(() => this.#connect());
  }

  #connect(): void {
    if (this.voting.ended) return;
    // A failure arrives as an event, too.
    this.#connection.connect().catch(() => undefined);
  }

  /** Another connection to the server, not yet connected. */
  open(): Connection {
    const { random } = this.#settings;
    return this.#endpoint.open((attempt) => reconnectDelayMs(attempt, random()));
  }

  /** Sends calls in one write, in order. Calls back once for each, with its reply or with what went wrong. */
  ask(calls: readonly CallContent[], answered: (call: CallContent, result: CallResult) => void): void {
    const done = (error: unknown, reply: readonly unknown[] | undefined, call: CallContent): void => {
      const { verb } = call.script;
      if (reply === undefined) return answered(call, this.#failureOf(error, verb));
      if (this.voting.isForbidden(verb) && didSomething(call, reply)) this.voting.hasPermission(verb);
      answered(call, reply);
    };
    if (calls.length === 1) this.#calls.run(calls[0]!, done);
    else
      this.#connection.inOneWrite(() => {
        for (const call of calls) this.#calls.run(call, done);
      });
  }

  /**
   * Asks for copies of all that was written on this connection until now. Gives what is wrong, if there are
   * too few. To be called in the turn of the reply to the write: another connection knows nothing of it, and
   * would say that all is well.
   */
  async acknowledged(replication: Replication): Promise<Failed | undefined> {
    const { epoch } = this.#calls;
    try {
      const shortage = await shortageOf(this.#connection, replication);
      if (epoch !== this.#calls.epoch) return failed('disconnected', new Error('the connection broke'));
      this.voting.hasPermission('wait');
      return shortage === undefined ? undefined : failed('error', new Error(shortage));
    } catch (error) {
      return this.#failureOf(error, 'wait');
    }
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
    this.voting.forgetProgress();
    const { status } = this.state;
    const command =
      memory === 'before' ? 'quarantine' : memory === 'remembers' && status === 'ready' ? 'trust' : 'mark';
    if (status !== 'new') await this.command(command);
    await this.look();
  }

  /** Removes the marker of a shard that has another one by now. It is in a slot of this server. */
  removeMarker(marker: string): Promise<void> {
    return this.command('remove', marker);
  }

  protected override set spareId(id: string) {
    this.#calls.spareId = id;
  }

  async writeRecord(write: RecordWrite, waitMs: number, deadlineAt: number): Promise<void> {
    const { outstanding } = write;
    const isKnown = outstanding === 'own votes' && this.voting.canTellLeases;
    const wait = outstanding === 'nothing' ? -1 : isKnown ? 0 : waitMs;
    const content = recordContent(write, wait, deadlineAt);
    await new Promise<void>((resolve) => {
      this.#calls.run(content, (error) => {
        if (error !== undefined) this.notWritten(error);
        resolve();
      });
    });
    // What came of it, and what somebody else may have written meanwhile.
    await this.look(true);
  }

  leave(state: NodeState): void {
    this.#watch.cancel();
    this.voting.end(state);
    this.#connection.disconnect();
  }

  /** The master has become a replica. A new handshake finds out. */
  onDemotion(): void {
    this.#connection.disconnect(true);
  }

  /**
   * A reply that does not fit its call may be that of another one, as after a reply that got lost between two
   * others. On the same connection every later reply would be taken for a wrong one, too.
   */
  onMisfit(): void {
    this.#lastError = MISFIT;
    this.#connection.disconnect(true);
  }

  /** Runs the guard without operations. `undefined`: the reply is from a connection that has broken. */
  protected tell(command: GuardCommand, word = '', replacedId = ''): Promise<Finding | undefined> {
    const { epoch } = this.#calls;
    return new Promise((resolve, reject) => {
      this.#calls.run(guardContent(command, word, replacedId), (error, reply) => {
        if (error === undefined) resolve(epoch === this.#calls.epoch ? findingIn(reply) : undefined);
        else reject(error);
      });
    });
  }

  /** `verb` is what was asked for. */
  #failureOf(error: unknown, verb: string): Failed {
    const message = messageOf(error);
    if (error === NO_REPLY) this.onMisfit();
    if (message.startsWith('READONLY')) this.onDemotion();
    // It votes all the same: a release that is refused keeps nobody from acquiring what is free.
    const reason = permissionErrorOf(message);
    if (reason !== undefined) this.voting.lacksPermission(verb, reason);
    // A new error: the client's own carries the command with its arguments.
    return failed(isAnswer(error) ? 'error' : 'disconnected', new Error(message));
  }

  protected override answerIn(error: unknown): string | undefined {
    const message = this.#onError(error);
    return isAnswer(error) ? message : undefined;
  }

  /** Takes note of an error, and gives its message. */
  #onError(error: unknown): string {
    const message = messageOf(error);
    this.#lastError = message;
    const reason = permissionErrorOf(message);
    if (reason !== undefined) this.voting.set({ status: 'misconfigured', reason });
    return message;
  }

  #onClose(): void {
    this.#calls.beginEpoch();
    this.onLost();
    this.#watch.cancel();
    if (this.state.status === 'misconfigured') return;
    this.voting.set({ status: 'unreachable', reason: this.#lastError });
  }
}

/**
 * Whether a call has shown that its user has the rights for it: a release that finds no key of the holder
 * deletes none.
 */
const didSomething = ({ script }: CallContent, reply: readonly unknown[]): boolean =>
  reply
    .slice(script.hasGuard ? 2 : 0)
    .some((answer) =>
      Array.isArray(answer) ? !['absent', 'error'].includes(String(answer[0])) : typeof answer === 'number',
    );

const isAnswer = (error: unknown): boolean =>
  error === NO_REPLY || (error instanceof Error && error.name === 'ReplyError');

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
