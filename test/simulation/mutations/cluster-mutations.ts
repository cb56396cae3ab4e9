import type { Mutation } from './mutation.js';

/** What a shard of a Cluster knows of its slots. */
export const CLUSTER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a marker of a shard that does not tell which slots the shard has',
    edits: [
      {
        file: 'node/redis/cluster/topology.ts',
        original: 'JSON.stringify([id, epoch, ranges])',
        replacement: 'JSON.stringify([id])',
      },
    ],
    worlds: 'failing shards',
    likely: 11,
    breaks: ['one holder', 'validity within the keys'],
  },
  {
    name: 'a shard in quarantine whose grants count',
    edits: [
      {
        file: 'node/redis/redis-node.ts',
        original: 'const quarantine = this.#server.voting.untrusted();',
        replacement:
          'const { shard } = this.#settings;' +
          'const quarantine = shard === undefined ? this.#server.voting.untrusted() : undefined;',
      },
    ],
    worlds: 'failing shards',
    likely: 9,
    breaks: ['one holder', 'validity within the keys'],
  },
  {
    name: 'a promoted replica that is taken for a shard which was never used',
    edits: [
      {
        file: 'node/redis/cluster/redis-cluster-node.ts',
        original: 'still.map(({ node }) => node.memory.recordLoss())',
        replacement: 'still.map(({ node }) => node.memory.trust())',
      },
    ],
    worlds: 'failing shards',
    likely: 14,
    breaks: ['one holder', 'validity within the keys'],
  },
];
