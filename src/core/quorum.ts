/** How a vote stands: decided either way, or open. */
export type Verdict = 'won' | 'lost' | 'pending';

/** A majority of all configured nodes, reachable or not. Any two majorities share a node; nothing less does. */
export const majorityOf = (nodeCount: number): number => Math.floor(nodeCount / 2) + 1;

/**
 * Lost means that the votes still out cannot make a majority any more. Counting refusals instead never settles an
 * even membership that splits in halves (2 to 2).
 */
export function verdictOf(nodeCount: number, granted: number, outstanding: number): Verdict {
  const majority = majorityOf(nodeCount);
  if (granted >= majority) return 'won';
  return granted + outstanding >= majority ? 'pending' : 'lost';
}
