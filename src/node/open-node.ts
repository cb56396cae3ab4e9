import type { Clock } from '../clock.js';
import type { LockNode } from './lock-node.js';
import { MemoryNode, memoryNode } from './memory/memory-node.js';
import type { NodePlan } from './node-options.js';
import { readPostgres } from './postgres/read-postgres.js';
import { readRedis } from './redis/read-redis.js';

/**
 * Reads one entry of `nodes`: gives the plan of a node, or `undefined` where the entry is of another kind.
 * Throws a TypeError or RangeError where it is of this kind and wrong.
 */
type ReadKind = (source: unknown, where: string) => NodePlan | undefined;

/** All kinds of nodes. The first one that knows an entry has it. */
const KINDS: readonly ReadKind[] = [readNodeObject, readPostgres, readRedis];

/** Reads one entry of `nodes`. `where` names it in errors, which never show what it contains. */
export function readNode(source: unknown, where: string): NodePlan {
  for (const readKind of KINDS) {
    const plan = readKind(source, where);
    if (plan !== undefined) return plan;
  }
  throw new TypeError(
    `${where} must be a url, options, a Redis client, { postgres } or a node, got ${typeof source}`,
  );
}

export { postgresMigration } from './postgres/sql/migration.js';
export { memoryNode };

/** The node that a process falls back to while the others cannot be reached. */
export const openFallbackNode = (clock: Clock): LockNode => new MemoryNode('memory', clock);

const METHODS = ['ask', 'inspect', 'onStateChange', 'close'] as const;

/** A node that exists already: made by `memoryNode()`, or of a kind that this library does not know. */
function readNodeObject(source: unknown, where: string): NodePlan | undefined {
  if (typeof source !== 'object' || source === null || !('ask' in source && 'onStateChange' in source))
    return undefined;
  const node = source as LockNode;
  const missing = METHODS.filter((method) => typeof node[method] !== 'function');
  if (missing.length > 0) throw new TypeError(`${where} is a node without the method ${missing.join(', ')}`);
  for (const text of ['name', 'address'] as const) {
    if (typeof node[text] !== 'string' || node[text] === '')
      throw new TypeError(`${where} is a node whose ${text} is not a string, or is empty`);
  }
  const { name, address, scope } = node;
  // Two nodes in one process may have the same address, which says where they are for others.
  return { name, address, identity: scope === 'process' ? node : address, open: () => node };
}
