/** The interface through which every library is measured. */
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';

/** Where a node is, and how to log in. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: ConnectionOptions;
}

export interface BenchLock {
  /**
   * Acquires. `waitMs` is for a lock that others hold; libraries without such an option wait by their
   * settings.
   */
  acquire(
    resource: string,
    terms: { readonly ttlMs: number; readonly waitMs?: number },
  ): Promise<{ release(): Promise<unknown> }>;
  /** Acquires, and lets the library extend. Only libraries that extend by themselves have it. */
  keep?(resource: string, ttlMs: number): Promise<{ isLost(): boolean }>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly nodes: readonly Address[];
  /** The pause between attempts, of which there is no limit. Without it, the library's defaults apply. */
  readonly retryMs?: number;
  /** The subject's settings of its library's own options. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Whether others use the servers, too: nothing may be changed there but keys of the benchmark's own. */
  readonly isShared: boolean;
  /** The url of quorlock's module. */
  readonly quorlock: string;
}

/** The export of a module in adapters/. */
export interface AdapterModule {
  readonly openLock: (options: OpenOptions) => Promise<BenchLock>;
}

export interface ClientOptions {
  readonly enableAutoPipelining?: boolean;
}

/** Connected clients, made like in the READMEs of the libraries. */
export async function clientsOf(nodes: readonly Address[], options: ClientOptions = {}): Promise<Redis[]> {
  const clients = nodes.map((node) => new Redis({ ...node, ...options }));
  await Promise.all(
    clients.map(async (client) => {
      // Nodes are killed here on purpose. Without a listener, ioredis prints each broken connection.
      client.on('error', () => undefined);
      if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
    }),
  );
  return clients;
}

export const closing =
  (clients: readonly Redis[]): (() => Promise<void>) =>
  async () =>
    clients.forEach((client) => client.disconnect());

/** Makes a lease that is kept until the process ends from a library's `using(routine)`. */
export function keptBy(
  using: (routine: (signal: AbortSignal) => Promise<void>) => Promise<unknown>,
): Promise<{ isLost(): boolean }> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    using((signal) => {
      resolve({ isLost: () => isOver || signal.aborted });
      return new Promise(() => undefined);
    }).catch((error: unknown) => {
      isOver = true;
      reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
