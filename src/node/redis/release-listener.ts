import type { ReleaseListener } from '../lock-node.js';
import type { Connection } from './connection/endpoint.js';

/**
 * Hears what a server publishes for one waiter, over a connection of its own: one that has subscribed can be used for
 * nothing else. After a break it subscribes anew.
 */
export class RedisReleaseListener implements ReleaseListener {
  readonly #connection: Connection;
  #open = false;

  constructor(
    connection: Connection,
    channel: string,
    /** `undefined`: it has opened. */
    hear: (message: string | undefined) => void,
    refused: (error: unknown) => void,
  ) {
    this.#connection = connection;
    const subscribe = async (): Promise<void> => {
      try {
        await connection.subscribe(channel);
        this.#open = true;
        hear(undefined);
      } catch (error) {
        refused(error);
      }
    };
    connection.on('ready', () => void subscribe());
    connection.on('message', (from, message) => {
      if (from === channel) hear(message);
    });
    connection.on('close', () => (this.#open = false));
    // What is wrong with the server is told by the other connection.
    connection.on('error', () => undefined);
    connection.connect().catch(() => undefined);
  }

  get open(): boolean {
    return this.#open;
  }

  /** The server does not answer any more on the other connection, and would not be heard on this one. */
  renew(): void {
    if (this.#open) this.#connection.disconnect(true);
  }

  close(): void {
    this.#open = false;
    this.#connection.disconnect();
  }
}
