import { plainText } from '../../../core/plain-text.js';

/** What a server says of itself in INFO, as far as it matters here. */
export interface ServerInfo {
  /** Identifies the process: another one after every start. `undefined` where INFO is forbidden. */
  readonly runId: string | undefined;
  readonly isReplica: boolean;
  readonly isClusterMember: boolean;
  /** It watches servers, and keeps no data itself. */
  readonly isSentinel: boolean;
  /** How many keys the server has evicted for lack of memory since its start. */
  readonly evictedKeys: number;
  /** What the operator should know although the server votes. */
  readonly cautions: readonly string[];
}

/**
 * Reads the text of INFO. An empty text stands for a user who may not call it. `persistence`: what the
 * operator should know of how the server keeps its data.
 */
export function serverInfoOf(text: string, persistence?: string): ServerInfo {
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1];
  const policy = field('maxmemory_policy');
  const isLimited = Number(field('maxmemory') ?? 0) > 0;
  const told = field('run_id');
  const runId = told !== undefined && RUN_ID.test(told) ? told : undefined;
  return {
    runId,
    isReplica: field('role') === 'slave',
    isClusterMember: field('redis_mode') === 'cluster',
    isSentinel: field('redis_mode') === 'sentinel',
    evictedKeys: Number(field('evicted_keys') ?? 0),
    cautions: [
      runId === undefined ? NO_INFO : isLimited ? evictionCaution(policy) : undefined,
      persistence,
    ].filter((caution) => caution !== undefined),
  };
}

/** It goes into every call and every state. That of Redis has 40 characters. */
const RUN_ID = /^[!-~]{1,100}$/;

const NO_INFO =
  'its user may not call INFO: a restart with old data, an eviction, a replica and the same server ' +
  'under two names go unnoticed';

const evictionCaution = (policy: string | undefined): string | undefined =>
  policy === undefined || policy === 'noeviction'
    ? undefined
    : `its maxmemory-policy is ${plainText(policy, 40)}: it may throw locks away when memory is short; ` +
      'set noeviction';

/** The place that the server was found in, as far as it is known. */
interface ServerPlace {
  /** Another server may take its place. */
  readonly failsOver: boolean;
  /** It was found as a shard of a Cluster. */
  readonly isShard: boolean;
  /** The run id of the master by the word of the sentinels, where they know it. */
  readonly masterRunId: string | undefined;
}

/** Why the server cannot vote in this place; `undefined` if it can. */
export function misconfigurationOf(info: ServerInfo, place: ServerPlace): string | undefined {
  if (info.isSentinel)
    return 'it is a sentinel, which keeps no locks: give { sentinels: [{ host, port }], name }';
  if (info.isReplica) return 'it is a read-only replica';
  if (info.isClusterMember && !place.isShard)
    return (
      'it is a server of a Redis Cluster, which is one node as a whole: ' +
      'give { cluster: [{ host, port }] }'
    );
  if (place.failsOver && info.runId === undefined)
    return 'its user may not call INFO, without which a failover would go unnoticed, see docs/security.md';
  if (place.masterRunId !== undefined && place.masterRunId !== info.runId)
    return 'its sentinels say that another server is the master';
  return undefined;
}
