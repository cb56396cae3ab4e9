import { createRedlock, IoredisAdapter } from 'redlock-universal';
import type { AdapterOptions, LockAdapter } from '../../../test/faults/harness/adapter.js';
import { clientsOf, heldWhile, NODE_TIMEOUT_MS, onlyOnce, ready } from './common.js';

/** redlock-universal with `using`, which extends. */
export async function openAdapter(options: AdapterOptions): Promise<LockAdapter> {
  const clients = clientsOf(options);
  await ready(clients);
  const settings = options.setting === 'defaults' ? {} : { timeout: NODE_TIMEOUT_MS };
  const adapters = clients.map((client) => new IoredisAdapter(client, settings));
  return {
    acquire: (resource, terms) => {
      const retries = onlyOnce(options, terms) ? { retryAttempts: 0 } : {};
      const lock = createRedlock({ adapters, key: resource, ttl: terms.ttlMs, ...retries });
      return heldWhile((routine) => lock.using(routine));
    },
    close: async () => clients.forEach((client) => client.disconnect()),
  };
}
