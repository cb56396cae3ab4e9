import { setFlagsFromString, getHeapSpaceStatistics } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' | 'major' }) => void;

const oldSpaceBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;

/** How often the young objects are collected. */
const STEPS_PER_COLLECTION = 1_000;

/**
 * By how many bytes the old objects grow in so many steps, in which only young objects are collected. What
 * each step leaves to be collected must not be found among the old ones: an old object that nobody uses any
 * more still keeps all that it leads to, until all garbage is collected.
 */
export function grownOldSpace(steps: number, step: (at: number) => void): number {
  // Twice, so that what is there now is old.
  collect();
  collect();
  const before = oldSpaceBytes();
  for (let at = 0; at < steps; at++) {
    step(at);
    if (at % STEPS_PER_COLLECTION === 0) collect({ type: 'minor' });
  }
  collect({ type: 'minor' });
  return oldSpaceBytes() - before;
}
