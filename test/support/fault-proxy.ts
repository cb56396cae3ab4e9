import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisServer } from './redis-server.js';

/**
 * - `pass`: everything goes through, `latencyMs` late in each direction.
 * - `swallow`: what clients send is lost.
 * - `mute`: what the server answers is lost.
 * - `refuse`: new connections are closed at once.
 */
type Mode = 'pass' | 'swallow' | 'mute' | 'refuse';

/** Stands between a lock manager and a server, and does what networks do. */
export class FaultProxy implements AsyncDisposable {
  mode: Mode = 'pass';
  latencyMs = 0;
  /** How many connections were made so far. */
  connections = 0;
  /** All that clients have sent so far. */
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
    const directory = await mkdtemp(join(tmpdir(), 'quorlock-proxy-'));
    const proxy = new FaultProxy(directory, target);
    await new Promise<void>((resolve) => proxy.#server.listen(proxy.options.path, resolve));
    return proxy;
  }

  /** What a client connects with. */
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
    const toServer = this.#lineTo(server);
    const toClient = this.#lineTo(client);
    client.on('data', (data) => {
      this.sent += data.toString();
      if (this.mode !== 'swallow') toServer(data);
    });
    server.on('data', (data) => {
      if (this.mode !== 'mute') toClient(data);
    });
  }

  /** Bytes stay in their order, whatever becomes of the latency meanwhile. */
  #lineTo(socket: Socket): (data: Buffer) => void {
    const line: Buffer[] = [];
    const write = (): void => {
      const data = line.shift();
      if (data !== undefined && socket.writable) socket.write(data);
    };
    return (data) => {
      line.push(data);
      if (this.latencyMs === 0 && line.length === 1) write();
      else setTimeout(write, this.latencyMs);
    };
  }
}
