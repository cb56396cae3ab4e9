import { agreeOn, tokenOf } from '../../src/core/fencing.js';
import { granted } from './votes.js';

/**
 * What happens in one holder's round, as sets of nodes. Keys of earlier holders have expired or been
 * released.
 */
export interface HolderRun {
  /** Nodes that granted, including late ones: each adds one to its counter. */
  readonly granting: readonly number[];
  /** The majority of them that decided; empty when the round was lost. */
  readonly deciding: readonly number[];
  /** Nodes that the confirmation reaches. */
  readonly reached: readonly number[];
}

export interface Rule {
  readonly confirm: 'on a majority' | 'on one node' | 'never';
}

export interface Outcome {
  readonly counters: readonly number[];
  readonly token: number | undefined;
}

/** Runs one holder on nodes that only count. The code under test makes the token. */
export function runHolder(before: readonly number[], run: HolderRun, rule: Rule): Outcome {
  const counters = before.map((counter, node) => (run.granting.includes(node) ? counter + 1 : counter));
  if (run.deciding.length === 0) return { counters, token: undefined };
  const decidingGrants = run.deciding.map((node) => granted(counters[node]));
  const token = tokenOf(decidingGrants);
  if (rule.confirm === 'never' || agreeOn(token, decidingGrants)) return { counters, token };
  // A node whose counter is above the token refuses the confirmation.
  const confirmed = run.reached.filter((node) => run.granting.includes(node) && counters[node]! <= token);
  for (const node of confirmed) counters[node] = token;
  const needed = rule.confirm === 'on one node' ? 1 : Math.floor(before.length / 2) + 1;
  return { counters, token: confirmed.length >= needed ? token : undefined };
}

const subsetsOf = (items: readonly number[]): number[][] =>
  items.reduce<number[][]>((subsets, item) => subsets.flatMap((subset) => [subset, [...subset, item]]), [[]]);

/** All that can happen in one holder's round on this number of nodes. */
function allRuns(nodes: number): HolderRun[] {
  const majority = Math.floor(nodes / 2) + 1;
  const all = Array.from({ length: nodes }, (_, node) => node);
  return subsetsOf(all).flatMap((granting) =>
    [[], ...subsetsOf(granting).filter((subset) => subset.length === majority)].flatMap((deciding) =>
      (deciding.length === 0 ? [[]] : subsetsOf(granting)).map((reached) => ({
        granting,
        deciding,
        reached,
      })),
    ),
  );
}

/**
 * Explores, breadth first, all that can happen to `holders` holders in a row. Returns the number of visited
 * states, and the tokens of the shortest run in which a token is not above the one before it, if there is
 * one.
 */
export function explore(
  start: readonly number[],
  holders: number,
  rule: Rule,
): { readonly states: number; readonly violation: readonly number[] | undefined } {
  const runs = allRuns(start.length);
  const seen = new Set<string>();
  let frontier = [{ counters: start, tokens: [] as readonly number[] }];
  for (let holder = 0; holder < holders; holder++) {
    const next: typeof frontier = [];
    for (const { counters, tokens } of frontier) {
      const last = tokens.at(-1);
      for (const run of runs) {
        const after = runHolder(counters, run, rule);
        const issued = after.token === undefined ? tokens : [...tokens, after.token];
        if (after.token !== undefined && last !== undefined && after.token <= last) {
          return { states: seen.size, violation: issued };
        }
        const state = `${after.counters.join()}|${issued.at(-1)}`;
        if (!seen.has(state)) next.push({ counters: after.counters, tokens: issued });
        seen.add(state);
      }
    }
    frontier = next;
  }
  return { states: seen.size, violation: undefined };
}
