import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisServer } from './redis-server.js';

/**
 * One address that leads to one server and, after `pointTo`, to another, as a virtual IP or a DNS name does
 * after a failover.
 */
export class VirtualAddress implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #target: RedisServer;

  private constructor(
    private readonly directory: string,
    target: RedisServer,
  ) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async before(target: RedisServer): Promise<VirtualAddress> {
    const directory = await mkdtemp(join(tmpdir(), 'quorlock-address-'));
    const address = new VirtualAddress(directory, target);
    await new Promise<void>((resolve) => address.#server.listen(address.options.path, resolve));
    return address;
  }

  /** The address for a client. */
  get options(): { readonly path: string } {
    return { path: join(this.directory, 'address.sock') };
  }

  /** Sends new connections to another server and breaks open ones. */
  pointTo(target: RedisServer): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }

  #accept(client: Socket): void {
    const server = connect(this.#target.options);
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
    client.pipe(server);
    server.pipe(client);
  }
}
