import type { Mutation } from './mutation.js';

/** What a shard of a Cluster knows of its slots. */
export const CLUSTER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a shard that takes slots over and goes on as if it had always had them',
    edits: [
      {
        file: 'node/redis/cluster/topology.ts',
        original: 'JSON.stringify([id, epoch, ranges])',
        replacement: 'JSON.stringify([id])',
      },
      {
        file: 'node/redis/cluster/cluster-shards.ts',
        original: "memory === 'none' && shard.formerMarkers.has(marker) ? 'before' : memory",
        replacement: 'memory',
      },
    ],
    worlds: 'failing shards',
    likely: 2,
    breaks: ['one holder', 'tokens grow'],
  },
];
