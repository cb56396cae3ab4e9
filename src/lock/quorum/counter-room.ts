import type { Clock } from '../../clock.js';
import { hasJumped } from '../../core/clock-offset.js';
import type { Electorate } from '../../core/electorate.js';
import { highestCounterFor } from '../../core/fencing.js';
import { wallGapMs } from '../../core/validity.js';
import type { LockNode } from '../../node/lock-node.js';

/**
 * Whether a majority of the nodes can take this counter now. A node refuses a counter that is ahead of its
 * clock, so a grant of a node whose clock is ahead of the others would make a token that cannot be confirmed.
 */
export function canTake(
  counter: number,
  nodes: readonly LockNode[],
  clock: Clock,
  { majority, exclusions }: Electorate,
): boolean {
  const now = clock.stamp();
  const gapMs = wallGapMs(now);
  const nodesMs = nodes.map(({ state: { status, clockOffsetMs, ownGapMs = gapMs } }, nodeIndex) => {
    const isAway = status === 'unreachable' || status === 'misconfigured';
    // It takes nothing now.
    if (isAway || exclusions[nodeIndex] !== undefined) return Number.NEGATIVE_INFINITY;
    const isCurrent = !hasJumped(ownGapMs, gapMs);
    return isCurrent && clockOffsetMs !== undefined ? now.monotonicMs + clockOffsetMs : undefined;
  });
  return counter <= highestCounterFor(nodesMs, majority);
}
