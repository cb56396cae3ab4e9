import { Redis } from 'ioredis';
import type { AcquireTerms, AdapterOptions, HeldLock } from '../../../test/faults/harness/adapter.js';

/** The node timeout for libraries or clients with such a setting: quorlock's default. */
export const NODE_TIMEOUT_MS = 250;

/**
 * Creates clients. `defaults`: like in the READMEs of the libraries. `safest`: with the options of ioredis
 * against waiting for a dead node, and against commands that are sent late.
 */
export function clientsOf({ nodes, connectionName, setting }: AdapterOptions): Redis[] {
  return nodes.map((node) => {
    const client =
      setting === 'defaults'
        ? new Redis({ ...node, connectionName })
        : new Redis({
            ...node,
            connectionName,
            commandTimeout: NODE_TIMEOUT_MS,
            connectTimeout: 1_000,
            enableOfflineQueue: false,
            autoResendUnfulfilledCommands: false,
            maxRetriesPerRequest: 0,
          });
    // Connections break here on purpose. Without a listener, ioredis prints each of them.
    client.on('error', () => undefined);
    return client;
  });
}

/** Whether a refusal is final: a scheduled job must not run again after another worker has run it. */
export const onlyOnce = ({ setting }: AdapterOptions, { tick }: AcquireTerms): boolean =>
  setting === 'safest' && tick !== undefined;

/** Waits until the clients are connected: without an offline queue they cannot be used before. */
export async function ready(clients: readonly Redis[]): Promise<void> {
  await Promise.all(
    clients.map(async (client) => {
      if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
    }),
  );
}

/** Makes acquire and release from a library's `using(routine)`: the routine lasts until release is called. */
export function heldWhile(
  using: (routine: (signal: AbortSignal) => Promise<void>) => Promise<unknown>,
): Promise<HeldLock> {
  return new Promise((resolve, reject) => {
    let end: () => void;
    const until = new Promise<void>((done) => (end = done));
    const over = using((signal) => {
      resolve({
        signal,
        release: async () => {
          end();
          await over;
        },
      });
      return until;
    });
    over.catch(reject);
  });
}
