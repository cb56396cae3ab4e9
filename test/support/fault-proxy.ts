import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisServer } from './redis-server.js';

/**
 * `pass` forwards everything, delayed by `latencyMs` in each direction. `lose-requests` drops the data of
 * clients, `lose-replies` drops the data of the server. `refuse` closes new connections at once.
 */
type Mode = 'pass' | 'lose-requests' | 'lose-replies' | 'refuse';

/** A proxy between a lock manager and a server, with faults of a network. */
export class FaultProxy implements AsyncDisposable {
  mode: Mode = 'pass';
  latencyMs = 0;
  /** The number of connections so far. */
  connections = 0;
  /** All data that clients have sent so far. */
  sent = '';
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(
    private readonly directory: string,
    private readonly target: RedisServer,
  ) {
    this.#server = createServer((client) => this.#accept(client));
  }

  static async before(target: RedisServer): Promise<FaultProxy> {
    const proxy = await FaultProxy.#make(target);
    await new Promise<void>((resolve) => proxy.#server.listen(proxy.options.path, resolve));
    return proxy;
  }

  /** On a port of 127.0.0.1, for clients that know no unix sockets. */
  static async onPort(target: RedisServer): Promise<FaultProxy> {
    const proxy = await FaultProxy.#make(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  static async #make(target: RedisServer): Promise<FaultProxy> {
    return new FaultProxy(await mkdtemp(join(tmpdir(), 'quorlock-proxy-')), target);
  }

  /** The address for a client of a proxy on a port. */
  get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  /** The address for a client. */
  get options(): { readonly path: string } {
    return { path: join(this.directory, 'proxy.sock') };
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }

  #accept(client: Socket): void {
    this.connections++;
    if (this.mode === 'refuse') {
      client.on('error', () => undefined).destroy();
      return;
    }
    const server = connect(this.target.options);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    const toServer = this.#queueTo(server);
    const toClient = this.#queueTo(client);
    client.on('data', (data) => {
      this.sent += data.toString();
      if (this.mode !== 'lose-requests') toServer(data);
    });
    server.on('data', (data) => {
      if (this.mode !== 'lose-replies') toClient(data);
    });
  }

  /** Bytes stay in their order, even if the latency changes meanwhile. */
  #queueTo(socket: Socket): (data: Buffer) => void {
    const queue: Buffer[] = [];
    const write = (): void => {
      const data = queue.shift();
      if (data !== undefined && socket.writable) socket.write(data);
    };
    return (data) => {
      queue.push(data);
      if (this.latencyMs === 0 && queue.length === 1) write();
      else setTimeout(write, this.latencyMs);
    };
  }
}
