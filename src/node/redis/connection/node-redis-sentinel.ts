import type { NodeRedisSentinelOptions, RedisNodeOptions } from '../../node-options.js';
import { reachable, type Address, type AddressMap } from './address-map.js';
import { isNodeRedis } from './client-library.js';
import { SENTINEL_ANSWERS_MS, type Connection, type RetryDelay } from './connection.js';
import {
  nodeRedisSessions,
  openNodeRedisAt,
  optionsOfClient,
  type NodeRedisOptions,
  type NodeRedisPlace,
} from './node-redis.js';
import { redactedError } from './redaction.js';
import { masterAddressOf, masterRunIdOf, sentinelGroupOf, type SentinelGroup } from './sentinel.js';

/** The options of `createSentinel()`, as far as they are read. */
interface SentinelOptions {
  readonly name: string;
  readonly sentinelRootNodes: readonly Address[];
  readonly nodeClientOptions?: NodeRedisOptions | undefined;
  readonly sentinelClientOptions?: NodeRedisOptions | undefined;
  readonly nodeAddressMap?: AddressMap | undefined;
  readonly RESP?: 2 | 3 | undefined;
}

/** A master and its sentinels, as the options describe them. */
export interface NodeRedisSentinel {
  readonly group: SentinelGroup;
  readonly options: RedisNodeOptions;
  readonly masterRunId: () => Promise<string | undefined>;
  readonly open: (retryDelayMs: RetryDelay) => Connection;
}

export const isNodeRedisSentinel = (source: object): source is NodeRedisSentinelOptions =>
  'createClient' in source || 'sentinel' in source;

/**
 * Reads `createClient` and the options of `createSentinel()`. The sentinels are asked by clients of our own:
 * the result of `createSentinel()` keeps its options to itself, and believes the first sentinel that answers.
 */
export function nodeRedisSentinelOf(source: NodeRedisSentinelOptions, where: string): NodeRedisSentinel {
  const { createClient } = source;
  const options = checked(source, where);
  const make = (ours: object): unknown => {
    const client = createClient(ours as never) as unknown;
    if (typeof client === 'object' && client !== null && isNodeRedis(client)) return client;
    throw new TypeError('createClient made no client of the package redis (node-redis) 5 or 6');
  };
  const at = (address: Address): Address => reachable(address, options.nodeAddressMap);
  const ask = (address: Address): Promise<unknown> => askSentinel(make, options, at(address));
  const find = async (): Promise<NodeRedisOptions> => {
    const { nodeClientOptions, RESP, sentinelRootNodes } = options;
    const { host, port } = at(await masterAddressOf(sentinelRootNodes, ask));
    return { RESP, ...nodeClientOptions, socket: { ...nodeClientOptions?.socket, host, port } };
  };
  const tls = options.nodeClientOptions?.socket?.tls === true;
  return {
    group: groupOf(options, where),
    options: optionsOfClient({ options: options.nodeClientOptions }),
    masterRunId: () => masterRunIdOf(options.sentinelRootNodes, ask),
    open: (retryDelayMs) => openNodeRedisAt({ make, options: find, tls }, retryDelayMs),
  };
}

function checked(
  { createClient, sentinel, durable }: NodeRedisSentinelOptions & { readonly durable?: unknown },
  where: string,
): SentinelOptions {
  if (typeof createClient !== 'function')
    throw new TypeError(`${where}: createClient must be the function of the package redis (node-redis)`);
  if (typeof sentinel !== 'object' || sentinel === null || 'isOpen' in sentinel)
    throw new TypeError(`${where}: sentinel must be the options of createSentinel(), and no client`);
  if (durable === true)
    throw new RangeError(
      `${where}: durable must not be true with sentinels: a failover loses the last writes`,
    );
  return sentinel as SentinelOptions;
}

/** A list that is missing is as wrong as an empty one. */
function groupOf({ sentinelRootNodes, name }: SentinelOptions, where: string): SentinelGroup {
  const sentinels: unknown = sentinelRootNodes ?? [];
  return sentinelGroupOf({ sentinels, name }, where, 'sentinel.sentinelRootNodes')!;
}

/** Asks a sentinel over a connection that serves for this one question. */
async function askSentinel(
  make: NodeRedisPlace['make'],
  { name, sentinelClientOptions = {} }: SentinelOptions,
  { host, port }: Address,
): Promise<unknown> {
  const { socket } = sentinelClientOptions;
  const options = (): NodeRedisOptions => ({
    ...sentinelClientOptions,
    ...ANSWERED_BY_A_SENTINEL,
    socket: { ...socket, host, port },
  });
  const rules = { secrets: [], tls: socket?.tls === true };
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(LATE)), SENTINEL_ANSWERS_MS);
  try {
    const open = nodeRedisSessions({ make, options, tls: rules.tls }, rules);
    const session = await open({ signal: limit.signal, lost: () => undefined, wasReady: false });
    return await session.call(['SENTINEL', 'MASTER', name]);
  } catch (error) {
    throw redactedError(limit.signal.aborted ? limit.signal.reason : error, rules);
  } finally {
    clearTimeout(timer);
    // Ends the session, if there is one.
    limit.abort();
  }
}

/** It has no databases, and its user needs no other rights. A RESP2 reply lists names and values. */
const ANSWERED_BY_A_SENTINEL = {
  RESP: 2,
  database: undefined,
  name: undefined,
  disableClientInfo: true,
} as const;

const LATE = `a sentinel did not answer within ${SENTINEL_ANSWERS_MS} ms`;
