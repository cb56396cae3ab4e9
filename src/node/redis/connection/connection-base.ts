import { EventEmitter } from 'node:events';
import type { ConnectionEvents, Listener, RetryDelay } from './connection.js';

/** What connections of all libraries have in common: what they tell, and that they are made again. */
export abstract class ConnectionBase {
  readonly #events = new EventEmitter();
  readonly #retryDelayMs: RetryDelay;
  #fruitless = 0;
  #again: NodeJS.Timeout | undefined;
  #isOver = false;
  #wasReady = false;

  constructor(retryDelayMs: RetryDelay) {
    this.#retryDelayMs = retryDelayMs;
  }

  abstract connect(): Promise<unknown>;

  on<Name extends keyof ConnectionEvents>(event: Name, listener: Listener<Name>): this {
    this.#events.on(event, listener as (...told: unknown[]) => void);
    return this;
  }

  /** An error that nobody hears is not thrown. */
  protected tell<Name extends keyof ConnectionEvents>(event: Name, ...told: ConnectionEvents[Name]): void {
    if (event !== 'error' || this.#events.listenerCount('error') > 0) this.#events.emit(event, ...told);
  }

  /** Whether nobody needs the connection any more. */
  protected get isOver(): boolean {
    return this.#isOver;
  }

  protected endForGood(): void {
    this.#isOver = true;
    clearTimeout(this.#again);
  }

  /** After a pause that grows with each failure in a row. */
  protected connectLater(): void {
    if (this.#isOver) return;
    const again = (): void => void this.connect().catch(() => undefined);
    this.#again = setTimeout(again, this.#retryDelayMs(++this.#fruitless));
  }

  /** Whether the server was ever ready. Then it is no matter of TLS if it closes the connection. */
  protected get wasReady(): boolean {
    return this.#wasReady;
  }

  protected tellReady(): void {
    this.#fruitless = 0;
    this.#wasReady = true;
    this.tell('ready');
  }
}
