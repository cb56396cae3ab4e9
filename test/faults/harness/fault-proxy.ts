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

const WELL: Way = { latencyMs: 0, jitterMs: 0, hold: 'none', refuse: false, loseReplies: false };

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

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly requests: Pipe;
  readonly replies: Pipe;
  owner: string | undefined;
  lostReplies: boolean;
}

/** Who a connection belongs to: the name that ioredis gives it (`connectionName`), before anything else of interest. */
const NAMED = /SETNAME\r\n\$\d+\r\n([^\r]+)\r\n/i;

/**
 * A TCP port on 127.0.0.1 that leads to a server, by ways that can be made bad: one for each client, told apart by the names
 * of their connections. All clients find the server under one address, as clients do.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #ways = new Map<string, Way>();

  constructor(
    private readonly target: NetConnectOpts,
    private readonly random: () => number = Math.random,
  ) {
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  /** Changes how the way of a client is; what is not named becomes well. */
  set(owner: string, change: Partial<Way>): void {
    const way = { ...WELL, ...change };
    this.#ways.set(owner, way);
    if (way.refuse) this.reset(owner);
    for (const pair of this.#of(owner)) {
      if (pair.lostReplies && !way.loseReplies) this.#break(pair);
      pair.requests.flush();
      pair.replies.flush();
      // What a client had sent before it went gets there all the same, late: a ghost.
      if (way.hold === 'none' && pair.client.destroyed) this.#leave(pair);
    }
  }

  /** Breaks the connections of a client with RST; new ones may come. */
  reset(owner: string): void {
    for (const pair of this.#of(owner)) this.#break(pair);
  }

  async close(): Promise<void> {
    for (const pair of [...this.#pairs]) this.#break(pair);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #of(owner: string): Pair[] {
    return [...this.#pairs].filter((pair) => pair.owner === owner);
  }

  #wayOf({ owner }: Pair): Way {
    return (owner === undefined ? undefined : this.#ways.get(owner)) ?? WELL;
  }

  #accept(client: Socket): void {
    const upstream = connect(this.target);
    upstream.setNoDelay(true);
    const holds = (direction: 'requests' | 'replies') => (): boolean => {
      const { hold } = this.#wayOf(pair);
      return hold === 'both' || hold === direction;
    };
    const pair: Pair = {
      client,
      upstream,
      requests: new Pipe(upstream, holds('requests')),
      replies: new Pipe(client, holds('replies')),
      owner: undefined,
      lostReplies: false,
    };
    this.#pairs.add(pair);
    client.on('data', (chunk) => {
      pair.owner ??= NAMED.exec(chunk.toString('latin1'))?.[1];
      if (this.#wayOf(pair).refuse) this.#break(pair);
      else pair.requests.push(chunk, this.#delayMs(pair));
    });
    upstream.on('data', (chunk) => {
      if (this.#wayOf(pair).loseReplies) pair.lostReplies = true;
      else if (!pair.lostReplies) pair.replies.push(chunk, this.#delayMs(pair));
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => this.#break(pair));
      // Half-open on purpose: while nothing gets through, the end of a connection does not get through either.
      socket.on('close', () => this.#wayOf(pair).hold === 'none' && this.#break(pair));
    }
  }

  #break(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.requests.drop();
    pair.replies.drop();
    // Only TCP has a reset; the way to the server itself may be a unix socket.
    if (!pair.client.destroyed) pair.client.resetAndDestroy();
    if (!pair.upstream.destroyed) pair.upstream.destroy();
  }

  #leave(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.upstream.end();
  }

  #delayMs(pair: Pair): number {
    const { latencyMs, jitterMs } = this.#wayOf(pair);
    return latencyMs + jitterMs * this.random();
  }
}
