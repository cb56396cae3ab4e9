import type { Client } from './execution.js';

/** The clients as a set. Throws an error that names what is none. */
export function checkClients(clients: unknown): Set<Client> {
  if (typeof clients !== 'object' || clients === null || !(Symbol.iterator in clients)) {
    throw new TypeError(`clients must be a list of ioredis clients, got ${kindOf(clients)}`);
  }
  const all = new Set(clients as Iterable<Client>);
  if (all.size === 0) throw new Error('Redlock must be instantiated with at least one redis client.');
  [...all].forEach((client: unknown, index) => {
    if (!isClient(client)) {
      throw new TypeError(
        `clients[${index}] must be an ioredis client (Redis or Cluster), got ${kindOf(client)}`,
      );
    }
  });
  return all;
}

const isClient = (client: unknown): client is Client => {
  if (typeof client !== 'object' || client === null) return false;
  const { duplicate, quit, status } = client as Partial<Record<keyof Client, unknown>>;
  return typeof duplicate === 'function' && typeof quit === 'function' && typeof status === 'string';
};

/** What was given, without its content: a url may hold a password. */
const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name: unknown = (value.constructor as { readonly name?: unknown } | undefined)?.name;
  return typeof name === 'string' ? `an object of the class ${name}` : 'an object';
};

/** Runs it; the errors of a lock manager speak of nodes, which are the clients here. */
export function namingClients<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replaceAll('nodes[', 'clients[');
    throw error;
  }
}

/** The resources, each once. redlock takes the same one twice. */
export function checkResources(resources: unknown): readonly string[] {
  if (!Array.isArray(resources)) {
    throw new TypeError(`resources must be a list of names, got ${kindOf(resources)}`);
  }
  return [...new Set(resources as readonly string[])];
}

/**
 * Throws an error that names what is missing, unless this is a lock: one of `acquire` or `extend`, of
 * redlock, or an object with the same members.
 */
export function checkLock(lock: unknown): void {
  if (typeof lock !== 'object' || lock === null)
    throw new TypeError(`lock must be a Lock, got ${kindOf(lock)}`);
  const { resources, value, expiration } = lock as Partial<
    Record<'resources' | 'value' | 'expiration', unknown>
  >;
  const isList = Array.isArray(resources) && resources.length > 0;
  if (!isList || !resources.every((name) => typeof name === 'string')) {
    throw new TypeError('lock.resources must be a list of names, one at least');
  }
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`lock.value must be the value of its keys, got ${kindOf(value)}`);
  }
  if (typeof expiration !== 'number' || Number.isNaN(expiration)) {
    throw new TypeError(`lock.expiration must be a time in milliseconds, got ${kindOf(expiration)}`);
  }
}
