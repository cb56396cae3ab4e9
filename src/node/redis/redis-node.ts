import type { Clock, Timer } from '../../clock.js';
import { reconnectDelayMs } from '../../core/backoff.js';
import { ClockOffset } from '../../core/clock-offset.js';
import { failed, type Failed, type Vote } from '../../core/vote.js';
import type {
  AcquireRequest,
  ConfirmRequest,
  ExtendRequest,
  LockNode,
  NodeInspection,
  NodeState,
  ReleaseRequest,
} from '../lock-node.js';
import { Batch, inspectionOf, voteOf } from './batch.js';
import type { Connection, Endpoint } from './connection.js';
import { SCRIPT, SCRIPT_SHA } from './script.js';

export interface RedisNodeSettings {
  readonly keyPrefix: string;
  readonly driftFactor: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How long a replica is left alone before it is asked again whether it has become a master. */
const REPLICA_RECHECK_MS = 5_000;

const NOT_ALLOWED = /^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR Client sent AUTH)/;

/** A standalone Redis server as a voter, over a connection of its own. */
export class RedisNode implements LockNode {
  readonly name: string;
  readonly #settings: RedisNodeSettings;
  readonly #keyPrefix: string;
  readonly #connection: Connection;
  readonly #listeners = new Set<(state: NodeState) => void>();
  readonly #offset: ClockOffset;
  #state: NodeState = { status: 'connecting' };
  /** Counts connections, so that what an old one still says is not taken for the present one. */
  #epoch = 0;
  #lastError = 'not connected';
  #recheck: Timer | undefined;
  /** Closed, or refused by the manager: nothing that the connection says matters any more. */
  #out = false;

  constructor(endpoint: Endpoint, settings: RedisNodeSettings) {
    this.name = endpoint.name;
    this.#settings = settings;
    this.#keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    this.#offset = new ClockOffset(settings.driftFactor);
    this.#connection = endpoint.open((attempt) => reconnectDelayMs(attempt, settings.random()));
    this.#connection.on('ready', () => void this.#introduce());
    this.#connection.on('close', () => this.#onClose());
    this.#connection.on('error', (error) => this.#onError(error));
    // Its failure arrives as an event as well; there is nothing to add to it here.
    this.#connection.connect().catch(() => undefined);
  }

  get state(): NodeState {
    return this.#state;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  acquire(requests: readonly AcquireRequest[]): Promise<readonly Vote[]> {
    return this.#ask(requests, (batch, request) => batch.acquire(request), voteOf);
  }

  confirm(requests: readonly ConfirmRequest[]): Promise<readonly Vote[]> {
    return this.#ask(requests, (batch, request) => batch.confirm(request), voteOf);
  }

  extend(requests: readonly ExtendRequest[]): Promise<readonly Vote[]> {
    return this.#ask(requests, (batch, request) => batch.extend(request), voteOf);
  }

  release(requests: readonly ReleaseRequest[]): Promise<readonly Vote[]> {
    return this.#ask(requests, (batch, request) => batch.release(request), voteOf);
  }

  inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    return this.#ask(resources, (batch, resource) => batch.inspect(resource), inspectionOf);
  }

  refuse(reason: string): void {
    if (this.#out) return;
    this.#leave({ status: 'refused', reason });
  }

  close(): Promise<void> {
    this.#leave({ status: 'closed' });
    this.#listeners.clear();
    return Promise.resolve();
  }

  #leave(state: NodeState): void {
    this.#out = true;
    this.#recheck?.cancel();
    this.#become(state);
    this.#connection.disconnect();
  }

  /** Answers every request, whatever happens. */
  async #ask<Request, Answer>(
    requests: readonly Request[],
    add: (batch: Batch, request: Request) => void,
    read: (reply: unknown) => Answer,
  ): Promise<readonly (Answer | Failed)[]> {
    const answers = await this.#send(requests, add, read);
    // The longer nothing was heard of a node, the earlier a deadline is passed on to it: after half a minute of silence it
    // may be over at once. The answer has told the node's time anew, and nothing was written: whoever has time left asks
    // again.
    const now = this.#settings.clock.now();
    const again = requests.filter((request, index) => isLate(answers[index]) && deadlineOf(request) > now);
    if (again.length === 0) return answers;
    const second = new Map(zip(again, await this.#send(again, add, read)));
    return requests.map((request, index) => second.get(request) ?? answers[index]!);
  }

  /** Sends one batch. */
  async #send<Request, Answer>(
    requests: readonly Request[],
    add: (batch: Batch, request: Request) => void,
    read: (reply: unknown) => Answer,
  ): Promise<readonly (Answer | Failed)[]> {
    if (this.#state.status === 'connecting') await this.#firstConnection();
    if (this.#state.status !== 'ready') {
      const failure = failed('unreachable', new Error(this.#state.reason ?? this.#state.status));
      return requests.map(() => failure);
    }
    const batch = new Batch(this.#keyPrefix, (deadlineAt) =>
      Math.floor(this.#offset.toNodeMs(deadlineAt) * 1_000),
    );
    for (const request of requests) add(batch, request);
    try {
      const [, ...replies] = await this.#run(batch);
      // A master that was demoted: the new handshake will tell.
      if (replies.some(isReadOnly)) this.#connection.disconnect(true);
      return requests.map((_, index) => read(replies[index]));
    } catch (error) {
      const failure = this.#failureOf(error);
      return requests.map(() => failure);
    }
  }

  async #run(batch: Batch): Promise<readonly unknown[]> {
    const { clock } = this.#settings;
    const sentAt = clock.now();
    let reply: unknown;
    try {
      reply = await this.#connection.evalsha(SCRIPT_SHA, batch.keys.length, ...batch.keys, ...batch.args);
    } catch (error) {
      // The server's script cache was emptied (SCRIPT FLUSH). The deadline inside still says until when it may act.
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      reply = await this.#connection.eval(SCRIPT, batch.keys.length, ...batch.keys, ...batch.args);
    }
    if (!Array.isArray(reply)) throw new Error('the node answered with something that is no list');
    this.#offset.observe(sentAt, clock.now(), Number(reply[0]) / 1_000);
    return reply;
  }

  #failureOf(error: unknown): Failed {
    const message = messageOf(error);
    const answered = error instanceof Error && error.name === 'ReplyError';
    // A new error, because the client's own carries the command with its arguments.
    return failed(answered ? 'error' : 'disconnected', new Error(message));
  }

  /** Before a connection votes: who is there, what time it has, and the script. */
  async #introduce(): Promise<void> {
    const epoch = ++this.#epoch;
    const { clock } = this.#settings;
    try {
      const sentAt = clock.now();
      const [time, info] = await Promise.all([
        this.#connection.time().then((reply) => ({ nodeMs: timeMsOf(reply), receivedAt: clock.now() })),
        // A user who may not call INFO can lock all the same; the node is then not known to be the same as another.
        this.#connection.info().catch(() => ''),
        this.#connection.script('LOAD', SCRIPT).catch(() => undefined),
      ]);
      if (epoch !== this.#epoch || this.#out) return;
      this.#offset.observe(sentAt, time.receivedAt, time.nodeMs);
      if (fieldOf(info, 'role') === 'slave') this.#standBy();
      else this.#become(readyState(fieldOf(info, 'run_id')));
    } catch (error) {
      if (epoch !== this.#epoch || this.#out) return;
      this.#onError(error instanceof Error ? error : new Error(String(error)));
      this.#connection.disconnect(true);
    }
  }

  #standBy(): void {
    this.#become({ status: 'refused', reason: 'it is a read-only replica' });
    this.#recheck = this.#settings.clock.setTimer(
      () => this.#connection.disconnect(true),
      REPLICA_RECHECK_MS,
      'background',
    );
  }

  #onError(error: Error): void {
    this.#lastError = messageOf(error);
    if (this.#out) return;
    if (NOT_ALLOWED.test(this.#lastError)) {
      this.#become({
        status: 'refused',
        reason: `the server refused the user or password (${this.#lastError})`,
      });
    }
  }

  #onClose(): void {
    this.#epoch++;
    this.#recheck?.cancel();
    if (this.#out || this.#state.status === 'refused') return;
    this.#become({ status: 'unreachable', reason: this.#lastError });
  }

  #firstConnection(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onStateChange(() => {
        stop();
        resolve();
      });
    });
  }

  #become(state: NodeState): void {
    const { status, reason, serverId } = this.#state;
    if (state.status === status && state.reason === reason && state.serverId === serverId) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}

const readyState = (serverId: string | undefined): NodeState =>
  serverId === undefined ? { status: 'ready' } : { status: 'ready', serverId };

/** The script catches the error of each operation, so it comes in a reply of an operation, never as that of the call. */
const isReadOnly = (reply: unknown): boolean =>
  Array.isArray(reply) && Number(reply[0]) === 5 && String(reply[1]).startsWith('READONLY');

const isLate = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && 'reason' in answer && answer.reason === 'late';

const deadlineOf = (request: unknown): number =>
  typeof request === 'object' && request !== null && 'deadlineAt' in request
    ? Number(request.deadlineAt)
    : Number.NEGATIVE_INFINITY;

const zip = <A, B>(first: readonly A[], second: readonly B[]): [A, B][] =>
  first.map((one, index) => [one, second[index]!]);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const fieldOf = (info: string, field: string): string | undefined =>
  new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1];

function timeMsOf(reply: unknown): number {
  if (!Array.isArray(reply)) throw new Error('the node told no time');
  return Number(reply[0]) * 1_000 + Number(reply[1]) / 1_000;
}
