/** The state of a round: won, lost, or not decided. */
export type Verdict = 'won' | 'lost' | 'pending';

/** The size of a majority of all configured nodes, reachable or not. Any two majorities share a node. */
export const majorityOf = (nodeCount: number): number => Math.floor(nodeCount / 2) + 1;

/**
 * The verdict of a round with `granted` grants so far and `outstanding` votes to come. It is lost when even
 * all outstanding votes cannot make a majority. Counting refusals instead would never decide a split of two
 * against two.
 */
export function verdictOf(majority: number, granted: number, outstanding: number): Verdict {
  if (granted >= majority) return 'won';
  return granted + outstanding >= majority ? 'pending' : 'lost';
}
