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
  isOpen: boolean;
}

/** How often a quiet connection is asked whether it is still there. */
const PING_MS = 5_000;

/**
 * Listens to releases by LISTEN, on one connection for all waiters of a node. It is opened for the first of
 * them, opened again when it breaks, and given back after the last.
 */
export class PostgresListeners {
  readonly #waiting = new Map<string, Waiter>();
  #client: PostgresClientLike | undefined;
  #isOpening = false;
  #isClosed = false;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly connections: Connections,
    private readonly prefix: string,
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  add(waiter: string, listener: Listener): ReleaseListener {
    const channel = this.#channelOf(waiter);
    const waiting: Waiter = { waiter, listener, isOpen: false };
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

  /** Opens the connection if there is none, and listens for those that do not hear yet. */
  async #open(): Promise<void> {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    try {
      const client = (this.#client ??= await this.#connect());
      for (const [channel, waiting] of [...this.#waiting]) {
        if (waiting.isOpen) continue;
        await client.query(`listen "${channel}"`);
        await client.query(`select pg_advisory_lock(${LISTENER_LOCK}, hashtext($1))`, [waiting.waiter]);
        if (this.#client !== client || this.#waiting.get(channel) !== waiting) continue;
        waiting.isOpen = true;
        waiting.listener(undefined);
      }
      this.#failures = 0;
      this.#pingLater();
    } catch {
      this.#drop(true);
      this.#retryLater();
    } finally {
      this.#isOpening = false;
    }
    if (this.#waiting.size === 0) this.#drop(false);
    else if (this.#client !== undefined && [...this.#waiting.values()].some(({ isOpen }) => !isOpen))
      void this.#open();
  }

  async #connect(): Promise<PostgresClientLike> {
    const client = await this.connections.take();
    client.on('notification', this.#onNotification);
    client.on('error', this.#onError);
    return client;
  }

  readonly #onNotification = ({ channel, payload }: Notification): void => {
    const waiting = this.#waiting.get(channel);
    if (waiting?.isOpen === true && payload !== undefined) waiting.listener(payload);
  };

  readonly #onError = (): void => {
    this.#drop(true);
    this.#retryLater();
  };

  async #stop(channel: string, waiter: string): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    try {
      await client.query(`unlisten "${channel}"`);
      await client.query(`select pg_advisory_unlock(${LISTENER_LOCK}, hashtext($1))`, [waiter]);
    } catch {
      return this.#onError();
    }
    if (this.#waiting.size === 0 && !this.#isOpening && this.#client === client) this.#drop(false);
  }

  #drop(isBroken: boolean): void {
    this.#timer?.cancel();
    const client = this.#client;
    this.#client = undefined;
    for (const waiting of this.#waiting.values()) waiting.isOpen = false;
    if (client === undefined) return;
    client.removeListener('notification', this.#onNotification);
    client.removeListener('error', this.#onError);
    this.connections.release(client, isBroken);
  }

  #retryLater(): void {
    if (this.#isClosed || this.#waiting.size === 0) return;
    this.#timer?.cancel();
    const delayMs = reconnectDelayMs(++this.#failures, this.random());
    this.#timer = this.clock.setTimer(() => void this.#open(), delayMs, 'background');
  }

  /** A connection whose other end is gone tells nothing. A question finds out. */
  #pingLater(): void {
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(() => void this.#ping(), PING_MS, 'background');
  }

  async #ping(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    const silence = this.clock.setTimer(
      () => this.#client === client && this.#onError(),
      PING_MS,
      'background',
    );
    try {
      await client.query('select 1');
      if (this.#client === client) this.#pingLater();
    } catch {
      if (this.#client === client) this.#onError();
    } finally {
      silence.cancel();
    }
  }
}
