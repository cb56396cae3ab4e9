import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { LockManager, type LockManagerOptions } from '../../src/index.js';
import { lockMetrics } from '../../src/prometheus/index.js';
import type { ScrapeTarget } from './prometheus-server.js';

/** A lock manager whose metrics are served like those of a separate process. */
export class Worker {
  private constructor(
    readonly locks: LockManager,
    private readonly server: Server,
    readonly target: ScrapeTarget,
  ) {}

  static async start(
    instance: string,
    lockNames: readonly string[],
    options: LockManagerOptions,
  ): Promise<Worker> {
    const register = new Registry();
    const locks = new LockManager({ warn: () => {}, ...options });
    for (const name of lockNames) locks.declare(name);
    locks.subscribe(lockMetrics({ register }));
    const server = createServer((_request, response) => {
      register.metrics().then(
        (metrics) => response.setHeader('content-type', register.contentType).end(metrics),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new Worker(locks, server, { address: `127.0.0.1:${port}`, instance });
  }

  async stop(): Promise<void> {
    await this.locks.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
