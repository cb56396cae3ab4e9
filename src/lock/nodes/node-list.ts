import type { Clock } from '../../clock.js';
import { quarantineMsOf, QuarantineTerm } from '../../core/quarantine.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodePlan, NodeSource } from '../../node/node-options.js';
import { readNode } from '../../node/open-node.js';
import type { LockManagerOptions } from '../../api/manager-options.js';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';

/** The prefixes under which clients of other libraries lock: they tell nobody how long their keys live. */
const FOREIGN_PREFIXES: ReadonlySet<string> = new Set(['', 'mutex:']);

export interface OpenedNodes {
  readonly nodes: readonly LockNode[];
  readonly quarantine: QuarantineTerm;
}

/** Reads the option `nodes`. Throws a TypeError or RangeError if the list is not valid. Opens nothing. */
export function readNodes(sources: readonly NodeSource[], warn: (message: string) => void): NodePlan[] {
  if (!Array.isArray(sources)) {
    // The value is not shown: a url may have a password.
    const given: unknown = sources;
    const kind = given === undefined || given === null ? String(given) : `a value of type ${typeof given}`;
    throw new TypeError(`nodes must be a list of urls, options or clients, in brackets, got ${kind}`);
  }
  if (sources.length === 0)
    throw new RangeError('nodes must not be empty: give at least one Redis server, better three or five');
  const plans = sources.map((source: NodeSource, index) => readNode(source, `nodes[${index}]`));
  checkAllDiffer(plans);
  if (plans.length % 2 === 0) {
    warn(
      `nodes has an even number of members (${plans.length}): that survives no more failures than ` +
        `${plans.length - 1} would, and a vote may split in halves`,
    );
  }
  return plans;
}

/** Opens nodes that were read. They connect when `wanted` resolves; `undefined`: at once. */
export function openNodes(
  plans: readonly NodePlan[],
  options: ResolvedManagerOptions,
  clock: Clock,
  random: () => number,
  wanted?: Promise<void>,
): OpenedNodes {
  const { keyPrefix, driftFactor, acknowledge, fenceTtlMs } = options;
  const quarantine = new QuarantineTerm(
    quarantineMsOf(options.restartQuarantine, plans.length, options.maxTtlMs),
  );
  const isExact = !FOREIGN_PREFIXES.has(keyPrefix);
  const lacksQuarantine = options.restartQuarantine === 'auto' && quarantine.ms === 0;
  const given = { keyPrefix, driftFactor, acknowledge, fenceTtlMs };
  const settings = { ...given, quarantine, isExact, lacksQuarantine, clock, random, wanted };
  return { nodes: plans.map((plan) => plan.open(settings)), quarantine };
}

/**
 * Reads the database of the option `fallback`; `undefined`: it is no database. Throws a TypeError or
 * RangeError if it is not valid. Opens nothing.
 */
export function readFallback(
  fallback: LockManagerOptions['fallback'],
  nodes: readonly NodePlan[],
): NodePlan | undefined {
  if (typeof fallback !== 'object') return undefined;
  const plan = readNode(fallback, 'fallback');
  if (nodes.some(({ identity }) => identity === plan.identity))
    throw new RangeError(`fallback is one of the nodes (${plan.name}), and would be away when they are`);
  return plan;
}

/** A node that is listed twice would vote twice. Two nodes with one name could not be told apart. */
function checkAllDiffer(plans: readonly NodePlan[]): void {
  plans.forEach(({ name, identity }, index) => {
    const same = plans.findIndex((plan) => plan.identity === identity);
    if (same < index) {
      throw new RangeError(
        `nodes[${same}] and nodes[${index}] are the same server (${name}); it would vote twice`,
      );
    }
    const namesake = plans.findIndex((plan) => plan.name === name);
    if (namesake < index) {
      throw new RangeError(
        `nodes[${namesake}] and nodes[${index}] are both called ${JSON.stringify(name)}; ` +
          'metrics, errors and trustNode tell nodes apart by their names: memoryNode({ name }) gives one',
      );
    }
  });
}
