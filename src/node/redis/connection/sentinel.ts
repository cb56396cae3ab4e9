import { Redis } from 'ioredis';
import type { RedisNodeOptions } from '../../node-options.js';

/** A master that sentinels know, as far as options tell. */
export interface SentinelGroup {
  readonly name: string;
  readonly address: string;
}

const isPrintable = (text: unknown): text is string =>
  typeof text === 'string' && /^[\x21-\x7e]{1,64}$/.test(text) && !/[@/]/.test(text);

/**
 * Reads the group of options with sentinels; `undefined` where there are none. The node is called by the group and the
 * first of its sentinels, because deployments that are independent of each other nearly all call their group `mymaster`.
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
      `${where}: name must be the group of the master that its sentinels watch, 1 to 64 printable ASCII characters ` +
        'without spaces, / and @',
    );
  }
  if (role !== undefined && role !== 'master') {
    throw new RangeError(`${where}: role must be master: a replica cannot vote`);
  }
  // In one order, whatever the order in which a client names them: they are what its address is compared by.
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

/** A sentinel that hangs must not keep us from asking the next one. */
const SENTINEL_ANSWERS_MS = 2_000;

/**
 * What our own connection does whatever the user's client does. When none of the sentinels named a master ioredis would ask
 * them again by itself, without an end that could be told or a timer that could be stopped: so it gives up, and we ask again.
 */
export const sentinelOverrides = ({ sentinelCommandTimeout }: RedisNodeOptions) =>
  ({
    role: 'master',
    // Its connections have no listener for errors, which ioredis then prints as they are.
    failoverDetector: false,
    sentinelCommandTimeout:
      typeof sentinelCommandTimeout === 'number' ? sentinelCommandTimeout : SENTINEL_ANSWERS_MS,
    sentinelRetryStrategy: null,
  }) as const;

/**
 * The run id of the server that is the master by the latest word of the sentinels that answer: the one with the highest
 * epoch. One that is cut off from the others still names the old one. `undefined` where none of them knows.
 */
export async function masterRunIdOf(options: RedisNodeOptions): Promise<string | undefined> {
  const words = await Promise.all((options.sentinels ?? []).map((sentinel) => wordOf(sentinel, options)));
  const latest = Math.max(...words.map((word) => word?.epoch ?? -1));
  // After a failover it takes them up to ten seconds to learn the run id of the new master.
  return words.find((word) => word?.epoch === latest && word.runId !== '')?.runId;
}

async function wordOf(
  sentinel: object,
  options: RedisNodeOptions,
): Promise<{ readonly epoch: number; readonly runId: string } | undefined> {
  const { sentinelUsername, sentinelPassword, sentinelTLS } = options;
  const client = new Redis({
    port: 26_379,
    ...sentinel,
    ...(typeof sentinelUsername === 'string' ? { username: sentinelUsername } : {}),
    ...(typeof sentinelPassword === 'string' ? { password: sentinelPassword } : {}),
    ...(typeof sentinelTLS === 'object' && sentinelTLS !== null ? { tls: sentinelTLS } : {}),
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    disableClientInfo: true,
    replyMapping: 'legacy',
    connectTimeout: SENTINEL_ANSWERS_MS,
    commandTimeout: SENTINEL_ANSWERS_MS,
    disconnectTimeout: 100,
  });
  // Whoever does not answer is passed over; what is wrong with it is told where the connection asks.
  client.on('error', () => undefined);
  try {
    const facts = await client.call('SENTINEL', 'MASTER', String(options.name));
    if (!Array.isArray(facts)) return undefined;
    const fact = (name: string): string => String(facts[facts.indexOf(name) + 1]);
    return { epoch: Number(fact('config-epoch')), runId: fact('runid') };
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}
