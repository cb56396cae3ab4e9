import { systemClock } from '../../src/clock.js';
import { QuarantineTerm } from '../../src/core/quarantine.js';
import type { ContractSubject, LockNode, NodeUnderTest } from '../../src/node/index.js';
import type { PostgresNodeOptions } from '../../src/node/node-options.js';
import { readPostgres } from '../../src/node/postgres/read-postgres.js';
import { until } from '../support/until.js';

/** Longer than any test. */
const QUARANTINE_MS = 600_000;

/** A Postgres node on a server of the test's. */
export function postgresNode(
  options: PostgresNodeOptions,
  { quarantineMs = 0, keyPrefix = 'lock:' }: { quarantineMs?: number; keyPrefix?: string } = {},
): LockNode {
  const plan = readPostgres(options, 'nodes[0]');
  if (plan === undefined) throw new Error('this is no Postgres node');
  return plan.open({
    keyPrefix,
    driftFactor: 0.01,
    isExact: true,
    clock: systemClock,
    random: Math.random,
    quarantine: new QuarantineTerm(quarantineMs),
  });
}

/** What a Postgres node is to the contract suite. */
export const postgresSubject = (
  options: () => PostgresNodeOptions,
  more: Partial<ContractSubject> = {},
): ContractSubject => ({
  open: () => trusted(postgresNode(options(), { quarantineMs: QUARANTINE_MS })),
  parts: ['memory', 'onRelease', 'withdraw', 'markMisconfigured', 'history'],
  ...more,
});

/** A node that votes, whatever the case before has left in the database. */
export async function trusted(node: LockNode): Promise<NodeUnderTest> {
  await until(async () => {
    if (['new', 'untrusted'].includes(node.state.status)) await node.memory?.trust();
    return node.state.status === 'ready';
  });
  return { node };
}
