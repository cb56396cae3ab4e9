import type { Context, Operation } from './operation.js';
import { errorOf } from './words.js';

export function release(
  context: Context,
  [, keep, waiter = '', life, channel = '']: readonly string[],
): unknown {
  let [found, told] = [0, 0];
  forEachPair(context.operation, (lock, list) => {
    const count = releasePair(context, lock, list, [keep!, waiter, life!, channel]);
    if (count === undefined) return;
    found++;
    told += count;
  });
  if (found === 0) return ['absent'];
  return told > 0 ? ['granted', 0, told] : 0;
}

/** A release that records what became of a run, whoever owns the keys. */
export function finish(
  context: Context,
  [, keep, waiter = '', life, channel = '', tick, attempt, state, most]: readonly string[],
): unknown {
  const { server, operation, runs } = context;
  const mark = { tick: Number(tick), attempt: Number(attempt) };
  const { flaw } = server;
  let [found, told, recorded] = [0, 0, 1];
  forEachPair(operation, (lock, fence) => {
    const isOwner = isOwned(context, lock);
    const failure = errorOf(() => {
      if (state === 'open') runs.takeBack(fence, mark, isOwner || flaw === 'take-back without ownership');
      else if (state === 'finished' && !runs.recordEnd(fence, mark)) recorded = 0;
    });
    runs.keepNote(fence, operation.own, Number(most));
    const list = `${fence}:wait`;
    const notified = errorOf(() => {
      const count = releasePair(context, lock, list, [keep!, waiter, life!, channel]);
      if (count === undefined) return;
      found++;
      told += count;
    });
    if (failure !== undefined || notified !== undefined) throw failure ?? notified;
  });
  return [found > 0 ? 'released' : 'absent', told, ...(state === 'finished' ? [recorded] : [])];
}

/** Wakes the first other waiter for each resource that nobody has. */
export function wake(
  { server, operation, waitLists }: Context,
  [, channel = '']: readonly string[],
): unknown {
  forEachPair(operation, (lock, list) => {
    if (server.keyspace.get(lock) !== undefined) return;
    server.keyspace.removeMember(list, operation.own[0]!);
    waitLists.wakeFirst(lock, list, channel);
  });
  return 0;
}

/** How many were told; `undefined`: the lock is not the holder's. */
function releasePair(
  { server, operation, waitLists }: Context,
  lock: string,
  list: string,
  [keep, waiter, life, channel]: readonly [string, string, string, string],
): number | undefined {
  const { keyspace, flaw, instants } = server;
  const keepMs = Number(keep);
  const owner = keyspace.get(lock);
  const isMine = owner === operation.own[0] || flaw === 'release without comparing';
  if (owner === undefined || !isMine) return undefined;
  if (keepMs > 0) keyspace.pexpire(lock, keepMs);
  else keyspace.delete(lock);
  instants.unlist(lock, owner, keepMs);
  if (waiter !== '') waitLists.enlist(list, waiter, Number(life));
  return waitLists.wakeFirst(lock, list, channel);
}

function isOwned({ server, operation }: Context, lock: string): boolean {
  let isOwner = false;
  errorOf(() => (isOwner = server.keyspace.get(lock) === operation.own[0]));
  return isOwner;
}

/** What cannot be done for one resource is told when the others are seen to. */
function forEachPair(operation: Operation, act: (lock: string, second: string) => void): void {
  const errors: unknown[] = [];
  for (const pair of operation.pairs) {
    try {
      act(...pair);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
