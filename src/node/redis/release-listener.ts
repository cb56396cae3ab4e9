import type { Clock, Timer } from '../../clock.js';
import type { ReleaseListener } from '../lock-node.js';
import type { Connection } from './connection/connection.js';

/** What a node opens when it has left: it hears nothing. */
export const NO_LISTENER: ReleaseListener = { open: false, close: () => undefined };

/**
 * The open listeners of a node. A listener leaves the list when its owner closes it; the node closes the
 * others.
 */
export class OpenListeners<Listener extends ReleaseListener> {
  readonly #open = new Set<Listener>();

  /** Gives what the owner of the listener gets. */
  add(listener: Listener): ReleaseListener {
    this.#open.add(listener);
    return {
      get open() {
        return listener.open;
      },
      close: () => {
        this.#open.delete(listener);
        listener.close();
      },
    };
  }

  forEach(then: (listener: Listener) => void): void {
    this.#open.forEach(then);
  }

  close(): void {
    this.forEach((listener) => listener.close());
  }
}

/** What a listener needs and tells. */
export interface ListenerPorts {
  readonly clock: Clock;
  /** Called with each message, and with `undefined` when the listener has opened. */
  readonly onMessage: (message: string | undefined) => void;
  readonly onRefused: (error: unknown) => void;
}

/** After a refusal it asks again as often as nodes are looked at. */
const AGAIN_MS = 5_000;

/**
 * Hears what a server publishes for one waiter. It has a connection of its own, because a connection that has
 * subscribed can be used for nothing else. After a break it subscribes again; likewise after a refusal, which
 * need not last: the server may have been busy, and a right may be given back.
 */
export class RedisReleaseListener implements ReleaseListener {
  readonly #connection: Connection;
  readonly #channel: string;
  readonly #ports: ListenerPorts;
  /** How many connections there have been: an answer that comes when its own has broken is nothing. */
  #epoch = 0;
  #open = false;
  #again: Timer | undefined;

  constructor(connection: Connection, channel: string, ports: ListenerPorts) {
    this.#connection = connection;
    this.#channel = channel;
    this.#ports = ports;
    connection.on('ready', () => void this.#subscribe());
    connection.on('message', (from, message) => {
      if (from === channel) ports.onMessage(message);
    });
    connection.on('close', () => this.#end());
    // The node's other connection reports what is wrong with the server.
    connection.on('error', () => undefined);
    connection.connect().catch(() => undefined);
  }

  get open(): boolean {
    return this.#open;
  }

  /** The server no longer answers on the other connection, so it would not be heard on this one either. */
  renew(): void {
    if (this.#open) this.#connection.disconnect(true);
  }

  close(): void {
    this.#end();
    this.#connection.disconnect();
  }

  async #subscribe(): Promise<void> {
    const epoch = this.#epoch;
    const { clock, onMessage, onRefused } = this.#ports;
    try {
      await this.#connection.subscribe(this.#channel);
      if (epoch !== this.#epoch) return;
      this.#open = true;
      onMessage(undefined);
    } catch (error) {
      onRefused(error);
      if (epoch !== this.#epoch) return;
      this.#again = clock.setTimer(() => void this.#subscribe(), AGAIN_MS, 'background');
    }
  }

  #end(): void {
    this.#epoch++;
    this.#open = false;
    this.#again?.cancel();
  }
}
