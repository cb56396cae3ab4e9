import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../../clock.js';
import { reconnectDelayMs } from '../../core/backoff.js';
import type { ReleaseListener } from '../lock-node.js';
import type { Connections } from './connections.js';
import type { PostgresClientLike } from '../node-options.js';
import { LISTENER_LOCK } from './sql/waiters.js';

type Listener = (resource: string | undefined) => void;

interface Notification {
  readonly channel: string;
  readonly payload?: string;
}

interface Waiter {
  readonly waiter: string;
  readonly listener: Listener;
  /** Whether LISTEN was sent on the present connection. */
  isSent: boolean;
  /** Whether a notification was heard on the present connection. */
  isOpen: boolean;
  /** Whether the latest echo was heard. */
  hasEcho: boolean;
}

/** How often the node notifies itself, and how long it waits for that. */
const ECHO_MS = 5_000;
/** After this it listens again, if no notification arrived at all. */
const TRY_AGAIN_MS = 30_000;
/** The payload of an echo; that of a release is a resource. */
const ECHO = '';

/** Learns whether notifications arrive at all. */
export interface Hearing {
  hears(): void;
  /** No notification arrived on a connection that works. */
  hearsNothing(): void;
}

/**
 * Listens to releases by LISTEN, on one connection for all waiters of a node. It is opened for the first of
 * them, opened again when it breaks, and given back after the last.
 *
 * The connection may break without a word, or may be one of a pooler that gives it another session for each
 * statement. So it counts only while it hears what the node sends to itself over another connection.
 */
export class PostgresListeners {
  readonly #waiting = new Map<string, Waiter>();
  #client: PostgresClientLike | undefined;
  #isOpening = false;
  #isClosed = false;
  /** Whether the present connection has heard anything. */
  #hasHeard = false;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly connections: Connections,
    private readonly prefix: string,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly hearing: Hearing,
  ) {}

  add(waiter: string, listener: Listener): ReleaseListener {
    const channel = this.#channelOf(waiter);
    const waiting: Waiter = { waiter, listener, isSent: false, isOpen: false, hasEcho: false };
    this.#waiting.set(channel, waiting);
    void this.#open();
    return {
      get open() {
        return waiting.isOpen;
      },
      close: () => {
        waiting.isOpen = false;
        if (this.#waiting.get(channel) !== waiting) return;
        this.#waiting.delete(channel);
        void this.#stop(channel, waiter);
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    this.#drop(true);
  }

  #channelOf(waiter: string): string {
    return `quorlock_${createHash('md5').update(`${this.prefix} ${waiter}`).digest('hex')}`;
  }

  /** Opens the connection if there is none, and listens for those for whom that was not done yet. */
  async #open(): Promise<void> {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    try {
      const client = (this.#client ??= await this.#connect());
      this.#expectEchoes();
      for (const [channel, waiting] of [...this.#waiting]) {
        if (waiting.isSent) continue;
        await client.query(`listen "${channel}"`);
        await client.query(`select pg_advisory_lock_shared(${LISTENER_LOCK}, hashtext($1))`, [
          waiting.waiter,
        ]);
        if (this.#client === client && this.#waiting.get(channel) === waiting) waiting.isSent = true;
      }
      await this.#callOut();
    } catch {
      this.#onError();
    } finally {
      this.#isOpening = false;
    }
    if (this.#waiting.size === 0) this.#drop(false);
    else if (this.#client !== undefined && [...this.#waiting.values()].some(({ isSent }) => !isSent))
      void this.#open();
  }

  async #connect(): Promise<PostgresClientLike> {
    const client = await this.connections.take();
    client.on('notification', this.#onNotification);
    client.on('error', this.#onError);
    return client;
  }

  /** Notifies every waiter of this node that listens. */
  async #callOut(): Promise<void> {
    const channels = [...this.#waiting].filter(([, { isSent }]) => isSent).map(([channel]) => channel);
    if (channels.length === 0) return;
    const text = 'select pg_notify(channel, $2) from unnest($1::text[]) channel';
    await this.connections.use((client) => client.query(text, [channels, ECHO]));
  }

  readonly #onNotification = ({ channel, payload = ECHO }: Notification): void => {
    const waiting = this.#waiting.get(channel);
    if (waiting?.isSent !== true) return;
    if (payload !== ECHO) {
      waiting.listener(payload);
      return;
    }
    waiting.hasEcho = true;
    this.#failures = 0;
    if (!this.#hasHeard) this.hearing.hears();
    this.#hasHeard = true;
    if (waiting.isOpen) return;
    waiting.isOpen = true;
    // A release before that may have gone unheard.
    waiting.listener(undefined);
  };

  readonly #onError = (): void => {
    this.#drop(true);
    this.#retryIn(reconnectDelayMs(++this.#failures, this.random()));
  };

  async #stop(channel: string, waiter: string): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    try {
      await client.query(`unlisten "${channel}"`);
      await client.query(`select pg_advisory_unlock_shared(${LISTENER_LOCK}, hashtext($1))`, [waiter]);
    } catch {
      return this.#onError();
    }
    if (this.#waiting.size === 0 && !this.#isOpening && this.#client === client) this.#drop(false);
  }

  #drop(isBroken: boolean): void {
    this.#timer?.cancel();
    const client = this.#client;
    this.#client = undefined;
    this.#hasHeard = false;
    for (const waiting of this.#waiting.values()) waiting.isSent = waiting.isOpen = false;
    if (client === undefined) return;
    client.removeListener('notification', this.#onNotification);
    client.removeListener('error', this.#onError);
    this.connections.release(client, isBroken);
  }

  #retryIn(delayMs: number): void {
    if (this.#isClosed || this.#waiting.size === 0) return;
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(() => void this.#open(), delayMs, 'background');
  }

  /** From now on all are to hear an echo. When the time is over, the next one is called for. */
  #expectEchoes(): void {
    this.#timer?.cancel();
    for (const waiting of this.#waiting.values()) waiting.hasEcho = false;
    this.#timer = this.clock.setTimer(() => this.#onEchoesDue(), ECHO_MS, 'background');
  }

  #onEchoesDue(): void {
    if ([...this.#waiting.values()].every(({ hasEcho }) => hasEcho)) {
      this.#expectEchoes();
      this.#callOut().catch(this.#onError);
    } else if (this.#hasHeard || this.#isOpening) {
      this.#onError();
    } else {
      this.#drop(true);
      this.hearing.hearsNothing();
      this.#retryIn(TRY_AGAIN_MS);
    }
  }
}
