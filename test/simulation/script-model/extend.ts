import { heldBy, type Context } from './operation.js';
import { numberIn } from './words.js';

export function extend({ server, operation, fences }: Context, [, ttl, restore]: readonly string[]): unknown {
  const { keyspace, flaw } = server;
  const { pairs, own } = operation;
  const [holder, maxCounter, ttlMs] = [own[0]!, numberIn(own[1]), Number(ttl)];
  const restoredUpTo =
    restore === 'always'
      ? Number.POSITIVE_INFINITY
      : (maxCounter ?? Number.POSITIVE_INFINITY) - Number(restore);
  const recreates = flaw === 'extension re-creates';
  fences.failIfImpossible(maxCounter, pairs[0]![1]);
  for (const [lock, fence] of pairs) {
    const owner = keyspace.get(lock);
    if (owner !== undefined && owner !== holder) return heldBy(server, owner, lock);
    if (owner === undefined && restore === 'never') return ['absent'];
    const { counter } = maxCounter === undefined ? fences.read(fence) : fences.readPossible(fence);
    if (maxCounter === undefined || counter === undefined || recreates) continue;
    if (owner !== undefined && counter > maxCounter) return ['superseded', counter];
    if (owner === undefined && counter > restoredUpTo) return ['absent'];
  }
  const restored = pairs.some(
    ([lock, fence]) => keyspace.get(lock) === undefined && fences.read(fence).counter === undefined,
  );
  const isUsual = fences.isAsLeft(operation, holder, own[1]!, maxCounter);
  for (const [lock, fence] of pairs) {
    const shorter = flaw === 'extension shortens' || keyspace.pttl(lock) < ttlMs;
    if (keyspace.get(lock) === undefined) keyspace.set(lock, holder, ttlMs);
    else if (shorter) keyspace.pexpire(lock, ttlMs);
    if (flaw !== 'extension raises no instant') server.instants.list(lock, holder, ttlMs);
    if (maxCounter !== undefined && !isUsual)
      fences.write(fence, { counter: Math.max(maxCounter, fences.read(fence).counter ?? 0) });
  }
  return restored && !recreates ? ['restored'] : 0;
}
