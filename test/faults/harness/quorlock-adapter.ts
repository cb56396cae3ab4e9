import { LockManager, type NodeSource, type PostgresNodeOptions } from '../../../src/index.js';
import { clientLibrary } from '../../support/client-libraries.js';
import type { AdapterOptions, Address, LockAdapter } from './adapter.js';

/** Quorlock's defaults are its safest settings. Only the options that the run needs are set. */
export function openAdapter({
  nodes,
  fallback,
  holder,
  connectionName,
  client,
  maxTtlMs,
  note = () => undefined,
}: AdapterOptions): LockAdapter {
  const library = client === undefined ? undefined : clientLibrary(client);
  const databaseAt = ({ host, port }: Address, name: string): PostgresNodeOptions => ({
    postgres: { host, port, user: 'quorlock', database: 'postgres', application_name: connectionName },
    migrate: true,
    name,
  });
  const sourceOf = ({ isDatabase = false, ...node }: Address, name: string): NodeSource => {
    if (isDatabase) return databaseAt(node, name);
    return library === undefined
      ? { ...node, connectionName, name }
      : library.node({ ...node, connectionName });
  };
  const locks = new LockManager({
    nodes: nodes.map((node, index) => sourceOf(node, `node-${index + 1}`)),
    ...(fallback === undefined ? {} : { fallback: databaseAt(fallback, 'fallback') }),
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
