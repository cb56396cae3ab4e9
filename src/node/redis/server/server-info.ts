/** What a server says of itself in INFO, as far as it matters here. */
export interface ServerInfo {
  /** Identifies the process: another one after every start. `undefined` where INFO is forbidden. */
  readonly runId: string | undefined;
  readonly isReplica: boolean;
  readonly isClusterMember: boolean;
  /** How many keys it has thrown away for want of memory since its start. */
  readonly evictedKeys: number;
  /** What the operator should know. */
  readonly caution: string | undefined;
}

/** Reads the text of INFO; an empty text stands for a user who may not call it. */
export function serverInfoOf(text: string): ServerInfo {
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1];
  const policy = field('maxmemory_policy');
  const limited = Number(field('maxmemory') ?? 0) > 0;
  const runId = field('run_id');
  return {
    runId,
    isReplica: field('role') === 'slave',
    isClusterMember: field('redis_mode') === 'cluster',
    evictedKeys: Number(field('evicted_keys') ?? 0),
    caution:
      runId === undefined
        ? 'its user may not call INFO: a restart with old data, an eviction, a replica and the same server under two names go unnoticed'
        : limited && policy !== undefined && policy !== 'noeviction'
          ? `its maxmemory-policy is ${policy}: it may throw locks away when memory is short; set noeviction`
          : undefined,
  };
}
