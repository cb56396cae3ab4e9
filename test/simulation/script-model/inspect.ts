import type { Context } from './operation.js';

export function inspect({ server: { keyspace }, operation, fences, runs }: Context): unknown[] {
  const [lock, fence] = operation.pairs[0]!;
  const owner = keyspace.get(lock);
  const { counter = '' } = fences.read(fence);
  const { tick, attempt, state } = runs.read(fence) ?? { tick: '', attempt: 0, state: '' };
  const livesMs = owner === undefined ? 0 : keyspace.pttl(lock);
  const success = runs.successOf(fence) ?? '';
  return ['inspected', owner ?? '', livesMs, counter, tick, attempt, state, success];
}

export function history({ server: { keyspace }, operation }: Context): unknown[] {
  const list = `${operation.pairs[0]![1]}:history`;
  return keyspace.isSpoilt(list) ? ['error', 'WRONGTYPE'] : ['history', ...keyspace.members(list)];
}
