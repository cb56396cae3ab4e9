import { majorityOf } from './quorum.js';

/**
 * - `up`: locks hold across processes, and one node more could fail.
 * - `degraded`: locks work, but one more failure may end that, or they exclude this process only.
 * - `down`: nothing can be locked.
 */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** What the health of a manager depends on. */
export interface HealthFacts {
  /** How many nodes are ready, how many have to be, and how many there are. */
  readonly ready: number;
  readonly needed: number;
  readonly nodes: number;
  /** How many others are connected, and would not count: they vote under another list of nodes. */
  readonly elsewhere: number;
  /** Why locks exclude this process only; `undefined`: they exclude all processes. */
  readonly fallbackReason: string | undefined;
  /** Whether there is a fallback, and it can grant. */
  readonly canFallBack: boolean;
  readonly isClosed: boolean;
}

/** What the health is, and why it is not `up`. */
export interface HealthVerdict {
  readonly status: HealthStatus;
  /** One sentence without addresses; `undefined` when it is `up`. */
  readonly reason: string | undefined;
}

/** The health of a manager. The fallback comes before a lost quorum: with it, locks are still granted. */
export function healthOf(facts: HealthFacts): HealthVerdict {
  const { ready, needed, nodes, elsewhere, fallbackReason, canFallBack, isClosed } = facts;
  if (isClosed) return { status: 'down', reason: 'the lock manager is closed' };
  if (fallbackReason !== undefined) return { status: 'degraded', reason: fallbackReason };
  const verb = ready === 1 ? 'is' : 'are';
  const counted = `${ready} of ${nodes} ${nodes === 1 && ready === 1 ? 'node' : 'nodes'} ${verb} ready`;
  const others =
    elsewhere === 0
      ? ''
      : `; ${elsewhere} more ${elsewhere === 1 ? 'does' : 'do'} not vote for this process, see membership()`;
  const least = `${needed} ${needed === 1 ? 'is' : 'are'} needed`;
  if (ready < needed) {
    const reason = `${counted}, and ${least}${others}`;
    return canFallBack
      ? { status: 'degraded', reason: `${reason}; locks are taken in the fallback` }
      : { status: 'down', reason };
  }
  if (ready < nodes) return { status: 'degraded', reason: `${counted}${others}` };
  // The list of nodes in use is longer than the list of this process.
  const isList = ready === needed && needed > majorityOf(nodes);
  return isList
    ? { status: 'degraded', reason: `${counted}, and all are needed: the list of nodes in use has more` }
    : { status: 'up', reason: undefined };
}
