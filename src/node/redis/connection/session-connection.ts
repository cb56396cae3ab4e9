import type { Command, ScriptCall } from '../protocol/script-call.js';
import { ConnectionBase } from './connection-base.js';
import type { Connection, Replied, RetryDelay } from './connection.js';
import { hintOf, isReply, redactedError, type RedactionRules } from './redaction.js';
import type { OpenSession, Session } from './session.js';
import { SilenceWatch } from './silence-watch.js';

const OFFLINE = new Error('the connection is closed');

/**
 * A connection by a library whose own reconnecting and queues are not used: it opens one session after the
 * other. What was under way on a session that broke fails at once, whatever the library does with it.
 */
export class SessionConnection extends ConnectionBase implements Connection {
  readonly #open: OpenSession;
  readonly #rules: RedactionRules;
  #attempt: AbortController | undefined;
  #session: Session | undefined;
  readonly #underWay = new Set<Replied>();
  readonly #silence = new SilenceWatch((error) => {
    if (this.#attempt !== undefined) this.#onLost(this.#attempt, error);
  });

  constructor(open: OpenSession, rules: RedactionRules, retryDelayMs: RetryDelay) {
    super(retryDelayMs);
    this.#open = open;
    this.#rules = rules;
  }

  async connect(): Promise<void> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    try {
      const session = await this.#open({
        signal: attempt.signal,
        lost: (error) => this.#onLost(attempt, error),
        wasReady: this.wasReady,
      });
      if (attempt.signal.aborted) {
        session.end();
        throw OFFLINE;
      }
      this.#session = session;
    } catch (error) {
      const told = redactedError(error, this.#rules, this.wasReady ? '' : hintOf(error, this.#rules));
      this.#onLost(attempt, told);
      throw told;
    }
    this.tellReady();
  }

  disconnect(reconnect = false): void {
    if (!reconnect) this.endForGood();
    if (this.#attempt !== undefined) this.#leave();
  }

  run(call: ScriptCall, replied: Replied): void {
    this.#send('EVALSHA', call, replied);
  }

  runAndLoad(call: ScriptCall, replied: Replied): void {
    this.#send('EVAL', call, replied);
  }

  /** The libraries write all that is sent in a turn of the event loop at its end. */
  inOneWrite(send: () => void): void {
    send();
  }

  script(subcommand: 'LOAD', script: string): Promise<unknown> {
    return this.#call('SCRIPT', subcommand, script);
  }

  async info(): Promise<string> {
    return String(await this.#call('INFO'));
  }

  config(pattern: string): Promise<unknown> {
    return this.#call('CONFIG', 'GET', pattern);
  }

  wait(replicas: number, timeoutMs: number): Promise<unknown> {
    return this.#call('WAIT', `${replicas}`, `${timeoutMs}`);
  }

  waitOnDisk(replicas: number, timeoutMs: number): Promise<unknown> {
    return this.#call('WAITAOF', '1', `${replicas}`, `${timeoutMs}`);
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#tracked((session) =>
      session.subscribe(channel, (message) => this.tell('message', channel, message)),
    );
  }

  cluster(subcommand: 'SLOTS' | 'NODES'): Promise<unknown> {
    return this.#call('CLUSTER', subcommand);
  }

  #call(...words: readonly string[]): Promise<unknown> {
    return this.#tracked((session) => session.call(words));
  }

  #tracked(send: (session: Session) => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#track(send, (error, reply) => (error === undefined ? resolve(reply) : reject(error)));
    });
  }

  #send(command: Command, call: ScriptCall, replied: Replied): void {
    this.#track((session) => session.send(command, call), replied);
  }

  /** Calls back once, by the reply or by the end of the session, and never within this call. */
  #track(send: (session: Session) => Promise<unknown>, replied: Replied): void {
    if (this.#session === undefined) return queueMicrotask(() => replied(OFFLINE, undefined));
    // A function of its own, because the same callback may be under way twice.
    const once: Replied = (error, reply) => replied(error, reply);
    this.#underWay.add(once);
    this.#silence.asked();
    send(this.#session).then(
      (reply) => this.#onReply(once, undefined, reply),
      (error: unknown) => this.#onReply(once, this.#failureOf(error), undefined),
    );
  }

  #onReply(replied: Replied, error: Error | undefined, reply: unknown): void {
    if (!this.#underWay.delete(replied)) return;
    this.#silence.heard();
    replied(error, reply);
  }

  #failureOf(error: unknown): Error {
    const told = redactedError(error, this.#rules);
    if (isReply(error)) told.name = 'ReplyError';
    return told;
  }

  #onLost(attempt: AbortController, error: unknown): void {
    if (attempt !== this.#attempt) return;
    if (!this.isOver) this.tell('error', redactedError(error, this.#rules));
    if (attempt === this.#attempt) this.#leave();
  }

  /** Ends the session or the attempt, and plans the next one. */
  #leave(): void {
    const attempt = this.#attempt;
    const session = this.#session;
    this.#attempt = undefined;
    this.#session = undefined;
    this.#silence.end();
    const failed = [...this.#underWay];
    this.#underWay.clear();
    attempt?.abort();
    session?.end();
    // Not within the call that ends it, which may be in the middle of a batch of replies.
    queueMicrotask(() => {
      for (const replied of failed) replied(OFFLINE, undefined);
      this.tell('close');
    });
    this.connectLater();
  }
}
