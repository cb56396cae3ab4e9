import { Redlock } from '@sesamecare-oss/redlock';
import type { AdapterOptions, LockAdapter } from '../../../test/faults/harness/adapter.js';
import { clientsOf, heldWhile, onlyOnce, ready } from './common.js';

/** @sesamecare-oss/redlock with `using`, which extends. */
export async function openAdapter(options: AdapterOptions): Promise<LockAdapter> {
  const clients = clientsOf(options);
  await ready(clients);
  const redlock = new Redlock(clients);
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
