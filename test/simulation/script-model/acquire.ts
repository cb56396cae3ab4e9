import { refusesRun, TICK_TOO_FAR_AHEAD } from '../../../src/core/run.js';
import { heldBy, type Context } from './operation.js';
import { alreadyRan } from './runs.js';
import { errorOf, numberIn } from './words.js';

export function acquire(
  context: Context,
  [, ttl, tickWord, tokens, waiter = '', life, retry, from]: readonly string[],
): unknown {
  const { server, operation, runs, waitLists } = context;
  const { keyspace } = server;
  const { pairs, lists, own } = operation;
  const [seed, tick] = [numberIn(own[1]), numberIn(tickWord)];
  const taken = from === '' ? undefined : from;
  const giver = giverLives(context, own[0]!, taken);
  const answer = setKeys(context, own[0]!, Number(ttl), seed, tick, retry === '1', Number(tokens), taken);
  const isGranted = typeof answer === 'number';
  const known = isGranted ? Math.max(...pairs.map(([, fence]) => runs.attemptOf(fence, tick))) : 0;
  const told = known > 0 ? [known] : isGranted && giver.length > 0 ? ['', Math.max(...giver)] : [];
  if (waiter === '') return told.length > 0 ? ['granted', answer, '', ...told] : answer;
  if (typeof answer === 'number') {
    for (const list of lists) keyspace.removeMember(list, waiter);
    return ['granted', answer, Math.max(...lists.map((list) => keyspace.members(list).length)), ...told];
  }
  const [kind, owner] = answer;
  const refusing = pairs.findIndex(([lock]) => keyspace.get(lock) === owner);
  if (kind === 'held') waitLists.enlist(lists[refusing]!, waiter, Number(life));
  return answer;
}

/** For how long the keys live that are taken from this holder, or were by the same one before. */
function giverLives(
  { server: { keyspace }, operation: { pairs } }: Context,
  holder: string,
  from: string | undefined,
): number[] {
  const taken = pairs.filter(([lock]) => {
    const owner = errorOf(() => keyspace.get(lock)) === undefined ? keyspace.get(lock) : undefined;
    return from !== undefined && (owner === from || owner === holder);
  });
  return taken.map(([lock]) => Math.max(0, keyspace.pttl(lock)));
}

/** Gives the counter as a distance from the seed, or why the keys are not set. */
function setKeys(
  { server, operation, fences, runs }: Context,
  holder: string,
  ttlMs: number,
  seed: number | undefined,
  tick: number | undefined,
  retry: boolean,
  reserved: number,
  from: string | undefined,
): number | unknown[] {
  const { keyspace, instants, flaw, nowUs, tickAheadMs } = server;
  const { pairs } = operation;
  const tokens = flaw === 'a range counted as one' ? 1 : reserved;
  for (const [lock, fence] of pairs) {
    const owner = keyspace.get(lock);
    const isOver = retry && flaw === 'retry over the key';
    const isTaken = owner === from || (from !== undefined && flaw === 'adoption without comparing');
    if (owner !== undefined && owner !== holder && !isOver && !isTaken) return heldBy(server, owner, lock);
    if (owner === undefined && from !== undefined && !isTaken) return ['absent'];
    if (seed === undefined && tick === undefined) continue;
    fences.readPossible(fence);
    if (tick === undefined) continue;
    const run = runs.read(fence);
    if (refusesRun(run, tick, retry)) return alreadyRan(run!);
    runs.failIfForgotten(tick);
    if (tick * 1_000 > nowUs + tickAheadMs * 1_000) return ['error', TICK_TOO_FAR_AHEAD];
  }
  const isMine = pairs.every(([lock]) => keyspace.get(lock) === holder);
  let counter = 0;
  if (seed !== undefined) {
    counter = Math.max(0, ...pairs.map(([, fence]) => fences.counterToGoOnFrom(fence, seed)));
    if (!isMine) counter += tokens;
  }
  if (isMine) {
    for (const [lock] of pairs) instants.list(lock, holder, ttlMs);
    return counter - (seed ?? 0);
  }
  const isLone = tick === undefined && from === undefined;
  const isCounted = seed !== undefined && isLone && fences.isCountedUp(operation, tokens);
  for (const [lock, fence] of pairs) {
    // A counter that is believed is counted up, and its key keeps its life.
    if (isCounted) keyspace.change(fence, `${counter}`);
    else if (seed !== undefined) fences.write(fence, { counter });
    const leftMs = from === undefined || keyspace.get(lock) === undefined ? 0 : keyspace.pttl(lock);
    keyspace.set(lock, holder, Math.max(ttlMs, leftMs));
  }
  for (const [lock] of pairs) instants.list(lock, holder, ttlMs);
  return counter - (seed ?? 0);
}
