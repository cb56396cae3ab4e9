import Redlock from 'redlock';
import type { AdapterOptions, LockAdapter } from '../../../test/faults/harness/adapter.js';
import { clientsOf, heldWhile, onlyOnce, ready } from './common.js';

/** redlock 5.0.0-beta.2 with `using`, which extends. */
export async function openAdapter(options: AdapterOptions): Promise<LockAdapter> {
  const clients = clientsOf(options);
  await ready(clients);
  // Its types are those of ioredis 5, but it calls nothing that ioredis 6 does not have.
  const redlock = new Redlock(clients as never[]);
  return {
    acquire: (resource, terms) => {
      const { ttlMs } = terms;
      const settings = {
        // At a third of the TTL, so that there is time to try again.
        ...(options.setting === 'safest' ? { automaticExtensionThreshold: Math.floor((ttlMs * 2) / 3) } : {}),
        ...(onlyOnce(options, terms) ? { retryCount: 0 } : {}),
      };
      return heldWhile((routine) => redlock.using([resource], ttlMs, settings, routine));
    },
    close: async () => clients.forEach((client) => client.disconnect()),
  };
}
