/** What every library is measured by. */
import { Redis } from 'ioredis';

/** A node's address, on loopback. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface BenchLock {
  /** `waitMs`: for a lock that others hold; libraries without such an option wait as their settings say. */
  acquire(
    resource: string,
    terms: { readonly ttlMs: number; readonly waitMs?: number },
  ): Promise<{ release(): Promise<unknown> }>;
  /** Acquires and lets the library extend; only where it does so by itself. */
  keep?(resource: string, ttlMs: number): Promise<{ isLost(): boolean }>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly nodes: readonly Address[];
  /** The pause between attempts, without an end to them; the library's defaults where it is not given. */
  readonly retryMs?: number;
  /** What the subject sets of its library's own options. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The url of the module that is quorlock. */
  readonly quorlock: string;
}

/** What a module in adapters/ exports. */
export interface AdapterModule {
  readonly openLock: (options: OpenOptions) => Promise<BenchLock>;
}

export interface ClientOptions {
  readonly enableAutoPipelining?: boolean;
}

/** Clients as the libraries' READMEs make them, connected. */
export async function clientsOf(nodes: readonly Address[], options: ClientOptions = {}): Promise<Redis[]> {
  const clients = nodes.map((node) => new Redis({ ...node, ...options }));
  await Promise.all(
    clients.map(async (client) => {
      // Nodes are killed here on purpose; without a listener ioredis prints each broken connection.
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

/** Turns a library's `using(routine)` into a lease that is kept until the process ends. */
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
