import { Redis } from 'ioredis';
import type { AcquireTerms, AdapterOptions, HeldLock } from '../../../test/faults/harness/adapter.js';

/** How long a node may take, where a library or its client has such a setting: quorlock's own default. */
export const NODE_TIMEOUT_MS = 250;

/**
 * `defaults`: clients as the libraries' READMEs make them. `safest`: what ioredis offers against waiting for a dead node, and
 * against commands that are sent later than they were meant.
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
    // Connections break here on purpose; without a listener ioredis prints each of them.
    client.on('error', () => undefined);
    return client;
  });
}

/** Whether a refusal is to be final: a scheduled job that another worker runs must not be run after it. */
export const onlyOnce = ({ setting }: AdapterOptions, { tick }: AcquireTerms): boolean =>
  setting === 'safest' && tick !== undefined;

/** Without an offline queue a client is of no use before it is connected, and nobody would start a program like that. */
export async function ready(clients: readonly Redis[]): Promise<void> {
  await Promise.all(
    clients.map(async (client) => {
      if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
    }),
  );
}

/** Turns a library's `using(routine)` into acquire and release: the routine lasts until release is called. */
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
