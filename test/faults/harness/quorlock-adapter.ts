import { LockManager } from '../../../src/index.js';
import { clientLibrary } from '../../support/client-libraries.js';
import type { AdapterOptions, LockAdapter } from './adapter.js';

/** Quorlock's defaults are its safest settings. Only the options that the run needs are set. */
export function openAdapter({
  nodes,
  holder,
  connectionName,
  client,
  maxTtlMs,
  note = () => undefined,
}: AdapterOptions): LockAdapter {
  const library = client === undefined ? undefined : clientLibrary(client);
  const locks = new LockManager({
    nodes: nodes.map((node, index) =>
      library === undefined
        ? { ...node, connectionName, name: `node-${index + 1}` }
        : library.node({ ...node, connectionName }),
    ),
    holder,
    maxTtlMs,
    warn: note,
  });
  const onExtended = new Map<string, () => void>();
  locks.subscribe((event) => {
    if (event.type === 'node') note(Object.values(event.node).join(' '));
    if (event.type === 'extended' && event.outcome === 'extended') onExtended.get(event.resources[0]!)?.();
  });
  return {
    async acquire(resource, { ttlMs, waitMs, tick, onExtended: tell }) {
      const lease = await locks.acquire(resource, { ttlMs, waitMs, ...(tick === undefined ? {} : { tick }) });
      if (tell) onExtended.set(resource, tell);
      return lease;
    },
    close: () => locks.close(),
  };
}
