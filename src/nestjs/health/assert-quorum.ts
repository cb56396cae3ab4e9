import type { LockManager } from '../../index.js';

/**
 * Resolves when a majority of the nodes is ready. Otherwise it closes the manager and rejects, after two
 * seconds at the latest, with an error that names each node that is not ready, and why.
 */
export async function assertQuorum(locks: LockManager): Promise<void> {
  const { ready, needed, nodes, reached, reason: whyFewVote } = await locks.started();
  if (reached) return;
  const others = locks
    .nodes()
    .filter(({ status }) => status !== 'ready')
    .map(({ name, status, reason }) => `${name}: ${status}${reason === undefined ? '' : ` (${reason})`}`);
  await locks.close();
  const why = [...(whyFewVote === undefined ? [] : [whyFewVote]), ...others].join('; ').slice(0, 1_000);
  const least = `${needed} ${needed === 1 ? 'is' : 'are'} needed`;
  throw new Error(`requireQuorum: ${ready} of ${nodes} nodes ready, and ${least}. ${why}`);
}
