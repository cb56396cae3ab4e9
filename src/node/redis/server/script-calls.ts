import { randomUUID } from 'node:crypto';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import { markerKeyOf } from '../protocol/keys.js';
import { ASK_FOR_RUN } from '../protocol/lua/guard.js';
import { findingIn } from '../../server/finding.js';
import { headerOf, ScriptCall, type CallContent, type CallHeader } from '../protocol/script-call.js';
import type { ServerSettings } from './server-settings.js';
import type { VotingState } from '../../server/voting-state.js';

/** The answer of the node was no reply of a script. */
export const NO_REPLY = new Error('the node answered with something that is no reply of a script');

/** Hears the whole reply of a call, or what went wrong. */
type Done = (error: Error | undefined, reply: readonly unknown[] | undefined, content: CallContent) => void;

/**
 * Sends calls of the scripts to a server. Every reply of the guard tells something about the server's vote.
 */
export class ScriptCalls {
  readonly #connection: Connection;
  readonly #voting: VotingState;
  readonly #settings: ServerSettings;
  /** The marker's key, except on a shard of a Cluster. */
  readonly #usualMarker: string;
  readonly #isDurable: boolean;
  readonly #reconnectsUnseen: boolean;
  /** What every call tells the guard. It stays the same as long as the server, its marker and the term do. */
  #header:
    | {
        readonly runId: string;
        readonly marker: string;
        readonly quarantineMs: number;
        readonly words: CallHeader;
      }
    | undefined;
  /** Counts connections, so that a late reply of an old one is not taken for the present one's. */
  #epoch = 0;
  /** Counts the calls. */
  #sent = 0;
  /** The number of the last call before the latest one that was sent again with its script. */
  #sentBeforeRetry = 0;
  #spareId: string = randomUUID();

  constructor(
    connection: Connection,
    voting: VotingState,
    settings: ServerSettings,
    keyPrefix: string,
    { durable, reconnectsUnseen = false }: Pick<Endpoint, 'durable' | 'reconnectsUnseen'>,
  ) {
    this.#connection = connection;
    this.#voting = voting;
    this.#settings = settings;
    this.#usualMarker = markerKeyOf(keyPrefix);
    this.#isDurable = durable;
    this.#reconnectsUnseen = reconnectsUnseen;
  }

  /** The number of the present connection. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Another connection begins, or the present one has ended. */
  beginEpoch(): number {
    return ++this.#epoch;
  }

  /** The id that the node gets if it has none: a random one, or the one that it is known to have had. */
  set spareId(id: string) {
    this.#spareId = id;
    this.#header = undefined;
  }

  run(content: CallContent, done: Done): void {
    const epoch = this.#epoch;
    const number = ++this.#sent;
    const { clock } = this.#settings;
    const sentAt = content.script.hasGuard ? clock.stamp() : undefined;
    const call = new ScriptCall(this.#callHeader(), this.#deadlineUs(content), content);
    let isSecond = false;
    const replied = (error: Error | undefined, reply: unknown): void => {
      if (!isSecond && this.#mustGoAgain(number, content, error)) {
        isSecond = true;
        return this.#connection.runAndLoad(call, replied);
      }
      if (error !== undefined) return done(error, undefined, content);
      if (!Array.isArray(reply)) return done(NO_REPLY, undefined, content);
      if (sentAt !== undefined) {
        const finding = findingIn(reply);
        if (finding === undefined) return done(NO_REPLY, undefined, content);
        if (epoch === this.#epoch) this.#voting.learn(sentAt, finding);
      }
      done(undefined, reply, content);
    };
    this.#connection.run(call, replied);
  }

  /** Whether a call is sent a second time, with its script. `number` is that of the call. */
  #mustGoAgain(number: number, { script }: CallContent, error: Error | undefined): boolean {
    if (error !== undefined) {
      if (!error.message.startsWith('NOSCRIPT')) return false;
      // The server's script cache was emptied (SCRIPT FLUSH). The deadline in the call still holds.
      this.#sentBeforeRetry = this.#sent;
      return true;
    }
    // A release that was sent after a call that is only now carried out must follow it again.
    return number <= this.#sentBeforeRetry && (script.verb === 'release' || script.verb === 'finish');
  }

  /** Until when the call may act, in whole microseconds of the node's time. Never later than asked for. */
  #deadlineUs({ script, deadlineAt }: CallContent): number {
    if (!script.hasDeadline) return 0;
    const untilMs = Math.floor(deadlineAt);
    return untilMs * 1_000 + this.#voting.nodeClock.aheadUs(untilMs);
  }

  #callHeader(): CallHeader {
    const { shard, quarantine } = this.#settings;
    const quarantineMs = quarantine.ms;
    const marker = shard?.marker() ?? this.#usualMarker;
    const runId = this.#reconnectsUnseen ? ASK_FOR_RUN : (this.#voting.info.runId ?? '');
    const { runId: runIdThen, marker: markerThen, quarantineMs: msThen } = this.#header ?? {};
    if (runIdThen !== runId || markerThen !== marker || msThen !== quarantineMs) {
      const isApart = shard !== undefined;
      const words = headerOf({
        marker,
        isApart,
        quarantineMs,
        runId,
        durable: this.#isDurable,
        spareId: this.#spareId,
      });
      this.#header = { runId, marker, quarantineMs, words };
    }
    return this.#header!.words;
  }
}
