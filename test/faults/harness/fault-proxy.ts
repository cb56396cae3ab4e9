import {
  createServer,
  connect,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';

/** How the way to a server is. Bytes are never taken out of the middle of a stream that goes on: no network does that. */
export interface Way {
  /** Added to each direction, in milliseconds. */
  readonly latencyMs: number;
  /** Up to so much more, at random; the order within a connection stays. */
  readonly jitterMs: number;
  /** Which direction delivers nothing for now. What is held is delivered late, when the way is well again. */
  readonly hold: 'none' | 'requests' | 'replies' | 'both';
  /** Connections are refused, and those that are open are reset. */
  readonly refuse: boolean;
  /** Requests are carried out, replies are lost, and the connection breaks when the way is well again. */
  readonly loseReplies: boolean;
}

export const WELL: Way = { latencyMs: 0, jitterMs: 0, hold: 'none', refuse: false, loseReplies: false };

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  lostReplies: boolean;
}

/** One direction of one connection: delivers in order, each chunk when its delay is over and nothing is held. */
class Pipe {
  readonly #queue: { readonly chunk: Buffer; readonly dueAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastDueAt = 0;

  constructor(
    private readonly to: Socket,
    private readonly isHeld: () => boolean,
  ) {}

  push(chunk: Buffer, delayMs: number): void {
    this.#lastDueAt = Math.max(this.#lastDueAt, performance.now() + delayMs);
    this.#queue.push({ chunk, dueAt: this.#lastDueAt });
    this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    for (let next = this.#queue[0]; next !== undefined && !this.isHeld(); next = this.#queue[0]) {
      const leftMs = next.dueAt - performance.now();
      if (leftMs > 0.5) {
        this.#timer = setTimeout(() => this.flush(), leftMs);
        return;
      }
      this.#queue.shift();
      if (!this.to.destroyed) this.to.write(next.chunk);
    }
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}

/** A TCP port on 127.0.0.1 that leads to a server, by a way that can be made bad. */
export class FaultProxy {
  readonly #server: Server;
  readonly #pairs = new Map<Pair, { readonly requests: Pipe; readonly replies: Pipe }>();
  #way: Way = WELL;

  constructor(
    private readonly target: NetConnectOpts,
    private readonly random: () => number = Math.random,
  ) {
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  /** Changes how the way is; what is not named becomes well. */
  set(way: Partial<Way>): void {
    this.#way = { ...WELL, ...way };
    if (this.#way.refuse) this.reset();
    for (const [pair, pipes] of this.#pairs) {
      if (pair.lostReplies && !this.#way.loseReplies) this.#break(pair);
      pipes.requests.flush();
      pipes.replies.flush();
      // What a client had sent before it went gets there all the same, late: a ghost.
      if (this.#way.hold === 'none' && pair.client.destroyed) this.#leave(pair);
    }
  }

  /** Breaks all connections with RST; new ones may come. */
  reset(): void {
    for (const pair of [...this.#pairs.keys()]) this.#break(pair);
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    if (this.#way.refuse) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(this.target);
    upstream.setNoDelay(true);
    const pair: Pair = { client, upstream, lostReplies: false };
    const holds = (direction: 'requests' | 'replies') => (): boolean =>
      this.#way.hold === 'both' || this.#way.hold === direction;
    const requests = new Pipe(upstream, holds('requests'));
    const replies = new Pipe(client, holds('replies'));
    this.#pairs.set(pair, { requests, replies });
    client.on('data', (chunk) => requests.push(chunk, this.#delayMs()));
    upstream.on('data', (chunk) => {
      if (this.#way.loseReplies) pair.lostReplies = true;
      else if (!pair.lostReplies) replies.push(chunk, this.#delayMs());
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => this.#break(pair));
      // Half-open on purpose: while nothing gets through, the end of a connection does not get through either.
      socket.on('close', () => this.#way.hold === 'none' && this.#break(pair));
    }
  }

  #break(pair: Pair): void {
    const pipes = this.#pairs.get(pair);
    if (!pipes) return;
    this.#pairs.delete(pair);
    pipes.requests.drop();
    pipes.replies.drop();
    for (const socket of [pair.client, pair.upstream]) {
      if (socket.destroyed) continue;
      // Only TCP has a reset; the way to the server itself may be a unix socket.
      if (socket === pair.client) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #leave(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.upstream.end();
  }

  #delayMs(): number {
    const { latencyMs, jitterMs } = this.#way;
    return latencyMs + jitterMs * this.random();
  }
}
