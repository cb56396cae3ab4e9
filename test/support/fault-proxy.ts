import {
  createServer,
  connect,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';

/**
 * The state of the link to a server. No state removes bytes from the middle of a stream, because no network
 * does that.
 */
export interface Link {
  /** Added to each direction, in milliseconds. */
  readonly latencyMs: number;
  /**
   * A random delay of at most this many milliseconds, added to each direction. The order within a connection
   * stays.
   */
  readonly jitterMs: number;
  /**
   * The direction that delivers nothing for now. Its bytes are delivered late, when the link is healthy
   * again.
   */
  readonly hold: 'none' | 'requests' | 'replies' | 'both';
  /** New connections are refused, and open ones are reset. */
  readonly refuse: boolean;
  /**
   * The server carries out requests, but replies are lost. The connection breaks when the link is healthy
   * again.
   */
  readonly loseReplies: boolean;
  /** Requests are lost. The connection breaks when the link is healthy again. */
  readonly loseRequests: boolean;
}

const HEALTHY_LINK: Link = {
  latencyMs: 0,
  jitterMs: 0,
  hold: 'none',
  refuse: false,
  loseReplies: false,
  loseRequests: false,
};

/**
 * One direction of one connection. It delivers chunks in order, each when its delay is over and nothing is
 * held.
 */
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
  hasLost: boolean;
}

/**
 * The name of a connection (ioredis: `connectionName`; pg: `application_name`), which tells what client it
 * belongs to.
 */
const CONNECTION_NAME = /(?:SETNAME\r\n\$\d+\r\n|application_name\0)([^\r\0]+)[\r\0]/i;

/**
 * A TCP port on 127.0.0.1 that forwards to a server. Clients share a link, or have each one of its own, with
 * faults of its own; the proxy identifies clients by the names of their connections. All clients use the same
 * address, as they do in production.
 */
export class FaultProxy implements AsyncDisposable {
  /** The number of connections so far. */
  connections = 0;
  /** All that clients have sent so far; kept by a proxy of `before` only. */
  sent = '';
  #keepsSent = false;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** The link of clients that have none of their own. */
  #common = HEALTHY_LINK;
  readonly #links = new Map<string, Link>();

  constructor(
    private readonly target: NetConnectOpts,
    private readonly random: () => number = Math.random,
  ) {
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  /** A proxy before this server, which listens already, and keeps what clients send. */
  static async before({ options }: { readonly options: NetConnectOpts }): Promise<FaultProxy> {
    const proxy = await new FaultProxy(options).listen();
    proxy.#keepsSent = true;
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The address for a client. */
  get options(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  /** Changes the link of a client. Every property that `change` leaves out becomes healthy. */
  set(owner: string, change: Partial<Link>): void {
    const link = { ...HEALTHY_LINK, ...change };
    this.#links.set(owner, link);
    this.#apply(link, this.#of(owner));
  }

  /** Likewise the link of all clients that have none of their own. */
  setAll(change: Partial<Link>): void {
    this.#common = { ...HEALTHY_LINK, ...change };
    this.#apply(
      this.#common,
      [...this.#pairs].filter(({ owner }) => owner === undefined || !this.#links.has(owner)),
    );
  }

  /** Breaks the connections of a client with RST. It can connect again. */
  reset(owner: string): void {
    for (const pair of this.#of(owner)) this.#break(pair);
  }

  async close(): Promise<void> {
    for (const pair of [...this.#pairs]) this.#break(pair);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #apply(link: Link, pairs: readonly Pair[]): void {
    for (const pair of pairs) {
      if (link.refuse || (pair.hasLost && !link.loseReplies && !link.loseRequests)) this.#break(pair);
      pair.requests.flush();
      pair.replies.flush();
      // Bytes that a client sent before it closed still reach the server, late.
      if (link.hold === 'none' && pair.client.destroyed) this.#endUpstream(pair);
    }
  }

  #of(owner: string): Pair[] {
    return [...this.#pairs].filter((pair) => pair.owner === owner);
  }

  #linkOf({ owner }: Pair): Link {
    return (owner === undefined ? undefined : this.#links.get(owner)) ?? this.#common;
  }

  #accept(client: Socket): void {
    this.connections++;
    if (this.#common.refuse) {
      client.on('error', () => undefined).destroy();
      return;
    }
    const upstream = connect(this.target);
    upstream.setNoDelay(true);
    const holds = (direction: 'requests' | 'replies') => (): boolean => {
      const { hold } = this.#linkOf(pair);
      return hold === 'both' || hold === direction;
    };
    const pair: Pair = {
      client,
      upstream,
      requests: new Pipe(upstream, holds('requests')),
      replies: new Pipe(client, holds('replies')),
      owner: undefined,
      hasLost: false,
    };
    this.#pairs.add(pair);
    client.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      if (this.#keepsSent) this.sent += text;
      pair.owner ??= CONNECTION_NAME.exec(text)?.[1];
      const { refuse, loseRequests } = this.#linkOf(pair);
      if (refuse) this.#break(pair);
      else if (loseRequests) pair.hasLost = true;
      else pair.requests.push(chunk, this.#delayMs(pair));
    });
    upstream.on('data', (chunk) => {
      if (this.#linkOf(pair).loseReplies) pair.hasLost = true;
      else if (!pair.hasLost) pair.replies.push(chunk, this.#delayMs(pair));
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => this.#break(pair));
      // Half-open on purpose: while the link delivers nothing, it does not deliver the end of a connection
      // either.
      socket.on('close', () => this.#linkOf(pair).hold === 'none' && this.#break(pair));
    }
  }

  #break(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.requests.drop();
    pair.replies.drop();
    // Only TCP has a reset. The connection to the server may be a unix socket.
    if (!pair.client.destroyed) pair.client.resetAndDestroy();
    if (!pair.upstream.destroyed) pair.upstream.destroy();
  }

  #endUpstream(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.upstream.end();
  }

  #delayMs(pair: Pair): number {
    const { latencyMs, jitterMs } = this.#linkOf(pair);
    return latencyMs + jitterMs * this.random();
  }
}
