/**
 * The name, behind the key prefix, of the key in which a node keeps its marker. No resource may have it, and
 * none may have it with `:long` behind, which is the list of long leases.
 */
export const MARKER = 'quorlock:node';

/** The same for a shard of a Redis Cluster. */
export const SHARD_MARKER = /^quorlock:\{\d+\}:[0-9a-f]+:node$/;
