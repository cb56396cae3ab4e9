import { CLUSTER_MUTATIONS } from './cluster-mutations.js';
import { LEASE_MUTATIONS } from './lease-mutations.js';
import { MEMORY_MUTATIONS } from './memory-mutations.js';
import { RUN_MUTATIONS } from './run-mutations.js';
import { TOKEN_MUTATIONS } from './token-mutations.js';
import type { Mutation } from './mutation.js';

/** Mistakes in the algorithm that the simulation has to find. */
export const MUTATIONS: readonly Mutation[] = [
  ...MEMORY_MUTATIONS,
  ...TOKEN_MUTATIONS,
  ...LEASE_MUTATIONS,
  ...RUN_MUTATIONS,
  ...CLUSTER_MUTATIONS,
];
