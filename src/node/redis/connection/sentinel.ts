import type { RedisNodeOptions } from '../../node-options.js';
import { askSentinel } from './ioredis.js';
import type { MakeClient } from './ioredis-connection.js';

/** A master that sentinels watch, as far as options tell. */
export interface SentinelGroup {
  readonly name: string;
  readonly address: string;
}

const isPrintable = (text: unknown): text is string =>
  typeof text === 'string' && /^[\x21-\x7e]{1,64}$/.test(text) && !/[@/]/.test(text);

/**
 * Reads the group of options with sentinels; `undefined` where there are none. The node is named after the
 * group and the first of its sentinels, because independent deployments nearly all call their group
 * `mymaster`.
 */
export function sentinelGroupOf(
  { sentinels, name: group, role }: RedisNodeOptions,
  where: string,
): SentinelGroup | undefined {
  if (sentinels === undefined || sentinels === null) return undefined;
  if (!Array.isArray(sentinels) || sentinels.length === 0) {
    throw new TypeError(`${where}: sentinels must be a list of { host, port }, at least one`);
  }
  if (!isPrintable(group)) {
    throw new RangeError(
      `${where}: name must be the group of the master that its sentinels watch, ` +
        '1 to 64 printable ASCII characters without spaces, / and @',
    );
  }
  if (role !== undefined && role !== 'master') {
    throw new RangeError(`${where}: role must be master: a replica cannot vote`);
  }
  // Sorted, because addresses are compared and clients may list the sentinels in any order.
  const at = sentinels.map((sentinel: unknown) => addressOf(sentinel, where)).sort();
  return { name: `${group}@${at[0]!}`, address: `sentinel:${group}@${at.join(',')}` };
}

function addressOf(sentinel: unknown, where: string): string {
  if (typeof sentinel !== 'object' || sentinel === null) {
    throw new TypeError(`${where}: a sentinel must be an object { host, port }`);
  }
  const { host = '127.0.0.1', port = 26_379 } = sentinel as { host?: unknown; port?: unknown };
  if (typeof host !== 'string' || !/^[\p{L}\p{N}_.:%-]+$/u.test(host)) {
    throw new RangeError(`${where}: the host of a sentinel must be a name or an IP address, without port`);
  }
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new RangeError(`${where}: the port of a sentinel must be an integer from 1 to 65535`);
  }
  return `${host}:${Number(port)}`;
}

/**
 * The run id of the server that is the master by the latest word of the sentinels that answer: the one with
 * the highest epoch. A sentinel that is cut off from the others still names the old master. `undefined` where
 * none of them knows.
 */
export async function masterRunIdOf(
  options: RedisNodeOptions,
  make: MakeClient,
): Promise<string | undefined> {
  const words = await Promise.all(
    (options.sentinels ?? []).map((sentinel) => wordOf(sentinel, options, make)),
  );
  const latest = Math.max(...words.map((word) => word?.epoch ?? -1));
  // After a failover it takes the sentinels up to ten seconds to learn the run id of the new master.
  return words.find((word) => word?.epoch === latest && word.runId !== '')?.runId;
}

async function wordOf(
  sentinel: object,
  options: RedisNodeOptions,
  make: MakeClient,
): Promise<{ readonly epoch: number; readonly runId: string } | undefined> {
  const facts = await askSentinel(sentinel, options, make);
  if (!Array.isArray(facts)) return undefined;
  const fact = (name: string): string => String(facts[facts.indexOf(name) + 1]);
  return { epoch: Number(fact('config-epoch')), runId: fact('runid') };
}
