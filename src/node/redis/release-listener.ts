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

/**
 * Hears what a server publishes for one waiter. It has a connection of its own, because a connection that has
 * subscribed can be used for nothing else. After a break it subscribes again.
 */
export class RedisReleaseListener implements ReleaseListener {
  readonly #connection: Connection;
  #open = false;

  constructor(
    connection: Connection,
    channel: string,
    /** Called with each message, and with `undefined` when the listener has opened. */
    onMessage: (message: string | undefined) => void,
    onRefused: (error: unknown) => void,
  ) {
    this.#connection = connection;
    const subscribe = async (): Promise<void> => {
      try {
        await connection.subscribe(channel);
        this.#open = true;
        onMessage(undefined);
      } catch (error) {
        onRefused(error);
      }
    };
    connection.on('ready', () => void subscribe());
    connection.on('message', (from, message) => {
      if (from === channel) onMessage(message);
    });
    connection.on('close', () => (this.#open = false));
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
    this.#open = false;
    this.#connection.disconnect();
  }
}
