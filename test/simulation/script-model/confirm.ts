import { refusesRun } from '../../../src/core/run.js';
import { heldBy, type Context } from './operation.js';
import { alreadyRan } from './runs.js';
import { numberIn } from './words.js';

export function confirm(
  { server, operation, fences, runs }: Context,
  [, tickWord, attemptWord]: readonly string[],
): unknown {
  const { keyspace, flaw } = server;
  const { pairs, own } = operation;
  const attempt = Number(attemptWord);
  const [holder, token, tick] = [own[0]!, Number(own[1]), numberIn(tickWord)];
  fences.failIfImpossible(token, pairs[0]![1]);
  if (flaw === 'tick without ownership' && tick !== undefined)
    for (const [, fence] of pairs) runs.start(fence, tick, attempt);
  for (const [lock, fence] of pairs) {
    if (flaw === 'confirm without ownership') break;
    const owner = keyspace.get(lock);
    if (owner === undefined) return ['absent'];
    if (owner !== holder) return heldBy(server, owner, lock);
    const { counter = 0 } = fences.readPossible(fence);
    if (counter > token && flaw !== 'counter above the token') return ['superseded', counter];
    if (tick === undefined) continue;
    const run = runs.read(fence);
    if (refusesRun(run, tick, true) && flaw !== 'confirm of a finished tick') return alreadyRan(run!);
    runs.failIfForgotten(tick);
  }
  for (const [, fence] of pairs) {
    const { counter = 0 } = fences.read(fence);
    const least = flaw === 'confirm without ownership' ? token : Math.max(token, counter);
    const known = runs.attemptOf(fence, tick);
    fences.write(fence, { counter: least });
    const recorded = flaw === 'attempt not written' ? known : Math.max(attempt, known);
    if (tick !== undefined) runs.start(fence, tick, recorded);
  }
  return 0;
}
