import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TICK_AHEAD_MS } from '../../src/core/run.js';
import type { Vote } from '../../src/core/vote.js';
import { LONG_MS, Operations, wallUs } from '../../src/node/contract/operations.js';
import { MemoryNode } from '../../src/node/memory/memory-node.js';
import type { LockNode, NodeInspection } from '../../src/node/lock-node.js';
import { PRESENT_ONLY } from '../../src/node/node-request.js';
import { PostgresServer } from '../support/postgres-server.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { postgresNode } from './postgres-subject.js';
import { until } from '../support/until.js';
import { freshResource, redisNode } from './redis-subject.js';

/**
 * The memory node takes the place of Redis in fast tests and in the fallback. Here random histories are
 * played to it, to a real server and to PostgreSQL, and all must vote the same. TTLs are long, so that
 * nothing expires meanwhile.
 */
let redis: RedisServers;
let postgres: PostgresServer;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis({ count: 1 }), PostgresServer.start()]);
});
const nodes: LockNode[] = [];
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await Promise.all([redis.stop(), postgres.stop()]);
});

interface Step {
  readonly verb: 'acquire' | 'confirm' | 'extend' | 'release' | 'inspect';
  readonly resources: readonly number[];
  readonly holder: number;
  /** Added to the highest counter seen so far, to make a token. */
  readonly tokenAbove: number;
  readonly fencing: boolean;
  /** Of an extension: a key that is gone stays gone. */
  readonly presentOnly: boolean;
  readonly tick: number | undefined;
  /** Of an acquisition: also a tick that was started. */
  readonly retry: boolean;
  /** Of a confirmation or a release: which attempt to run the tick. */
  readonly attempt: number;
  /** What a release says of the run. */
  readonly outcome: 'finish' | 'open' | undefined;
  readonly late: boolean;
  readonly long: boolean;
}

const oneIn = (n: number): fc.Arbitrary<boolean> => fc.nat(n - 1).map((k) => k === 0);

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.constantFrom('acquire', 'acquire', 'confirm', 'extend', 'extend', 'release', 'inspect'),
  resources: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 3 }),
  holder: fc.nat(2),
  tokenAbove: fc.integer({ min: -2, max: 2 }),
  fencing: oneIn(5).map((off) => !off),
  presentOnly: oneIn(4),
  tick: fc.option(fc.nat(3), { nil: undefined }),
  retry: oneIn(3),
  attempt: fc.integer({ min: 1, max: 3 }),
  outcome: fc.constantFrom('finish', 'open', undefined),
  late: oneIn(8),
  long: fc.boolean(),
});

const plain: Step = {
  verb: 'acquire',
  resources: [0],
  holder: 0,
  tokenAbove: 0,
  fencing: true,
  presentOnly: false,
  tick: undefined,
  retry: false,
  attempt: 1,
  outcome: undefined,
  late: false,
  long: true,
};

/** A history that chance seldom makes: a holder extends what others have had in the meantime. */
const overtaken: Step[] = [
  plain,
  { ...plain, verb: 'release', long: false },
  { ...plain, holder: 1 },
  { ...plain, holder: 1, verb: 'release', long: false },
  { ...plain, verb: 'extend', tokenAbove: -1 },
];

/** Another one: the tick has been run. */
const ranBefore: Step[] = [
  { ...plain, tick: 2 },
  { ...plain, verb: 'confirm', tick: 2 },
  { ...plain, verb: 'release', tick: 2, outcome: 'finish', long: false },
  { ...plain, tick: 1 },
  plain,
  { ...plain, verb: 'confirm', tick: 2 },
];

/** And one: the counter is above what the holder knows. */
const superseded: Step[] = [
  plain,
  { ...plain, verb: 'confirm', tokenAbove: -1 },
  { ...plain, verb: 'extend', tokenAbove: -1 },
];

const COARSE_MS = 30_000;
/** Over at once. */
const SHORT_MS = 5;

/** An answer without what depends on the time at which it was made. */
function timeless(answer: Vote | NodeInspection): unknown {
  if (answer.kind === 'failed') return { kind: answer.kind, reason: answer.reason };
  if (!('remainingMs' in answer)) return answer;
  return { ...answer, remainingMs: Math.round(answer.remainingMs / COARSE_MS) };
}

async function play(on: Operations, names: readonly string[], steps: readonly Step[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  // Ahead of the server, which takes a seed within a second of its own time, so that a slow machine has time.
  const base = wallUs() + 500_000;
  let highest = base;
  for (const {
    verb,
    resources: which,
    holder,
    tokenAbove,
    fencing,
    presentOnly,
    tick,
    retry,
    attempt,
    outcome,
    late,
    long,
  } of steps) {
    const resources = which.map((index) => names[index]!);
    const now = on.now();
    const deadlineAt = late ? now - 1 : now + LONG_MS;
    const common = { resources, holderId: `holder-${holder}`, deadlineAt };
    const ttlMs = long ? 8 * COARSE_MS : 4 * COARSE_MS;
    const token = highest + tokenAbove;
    let answer: Vote | NodeInspection;
    switch (verb) {
      case 'acquire':
        answer = await on.acquire({ ...common, ttlMs, seed: fencing ? base : undefined, tick, retry });
        break;
      case 'confirm':
        answer = await on.confirm({ ...common, token, tick, attempt });
        break;
      case 'extend':
        answer = await on.extend({
          ...common,
          ttlMs,
          token: presentOnly ? PRESENT_ONLY : fencing ? token : undefined,
          maxCounter: fencing ? token : undefined,
        });
        break;
      case 'release':
        answer = await on.release({
          ...{ resources, holderId: common.holderId, keepMs: long ? 2 * COARSE_MS : 0 },
          ...(outcome === undefined ? {} : { [outcome]: { tick: tick ?? 2, attempt } }),
        });
        break;
      case 'inspect':
        answer = await on.inspect(resources[0]!);
    }
    if ('counter' in answer) highest = Math.max(highest, answer.counter ?? 0);
    // The two nodes do not start from the same microsecond.
    answers.push({ verb, ...(relativeTo(base, timeless(answer)) as object) });
  }
  return answers;
}

function relativeTo(base: number, answer: unknown): unknown {
  const { counter } = answer as { counter?: number };
  return counter === undefined || counter === 0 ? answer : { ...(answer as object), counter: counter - base };
}

it('a memory node and a Redis node vote the same on the same history', async () => {
  await expectSameVotes(redisNode(redis.servers[0]!.options), 300);
});

it('a memory node and a Postgres node vote the same on the same history', async () => {
  await expectSameVotes(postgresNode({ postgres: postgres.config, migrate: true }), 60);
});

it.each([
  [
    'a Redis node',
    () => redisNode(redis.servers[0]!.options, { quarantineMs: SHORT_MS, keyPrefix: 'forgot:' }),
  ],
  [
    'a Postgres node',
    () =>
      postgresNode(
        { postgres: postgres.config, migrate: true },
        { quarantineMs: SHORT_MS, keyPrefix: 'forgot:' },
      ),
  ],
])(
  '%s that lost its memory votes for no tick of the next minute, however short its quarantine',
  async (_, open) => {
    const node = open();
    nodes.push(node);
    const on = new Operations({ node }, 'server');
    await until(async () => {
      if (node.state.status === 'new') await node.memory!.recordLoss();
      await node.memory?.look();
      return node.state.status === 'ready';
    });
    await expect(on.acquire({ resources: ['a'] })).resolves.toMatchObject({ kind: 'granted' });
    await on.release({ resources: ['a'] });
    const tick = Date.now() + TICK_AHEAD_MS / 2;
    for (const resources of [['a'], ['b']]) {
      const vote = await on.acquire({ resources, tick });
      expect(vote).toMatchObject({ kind: 'failed', reason: 'error', forgotten: true });
    }
  },
);

/** Plays as many histories to the node, and to a memory node. */
async function expectSameVotes(node: LockNode, numRuns: number): Promise<void> {
  const onServer = new Operations({ node }, 'server');
  nodes.push(node);
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const names = Array.from({ length: 3 }, freshResource);
      const memory = new MemoryNode('memory');
      const onMemory = new Operations({ node: memory }, 'memory');
      const [expected, actual] = [await play(onServer, names, steps), await play(onMemory, names, steps)];
      expect(actual).toEqual(expected);
      for (const answer of expected as { verb: string; kind: string; reason?: string }[]) {
        seen.add(`${answer.verb} ${answer.reason ?? answer.kind}`);
      }
    }),
    { numRuns, examples: [[overtaken], [ranBefore], [superseded]] },
  );
  // The histories have met all kinds of votes. Otherwise their agreement would say little.
  expect([...seen].sort()).toEqual([
    'acquire already_ran',
    'acquire granted',
    'acquire held',
    'acquire late',
    'confirm absent',
    'confirm already_ran',
    'confirm granted',
    'confirm held',
    'confirm late',
    'confirm superseded',
    'extend absent',
    'extend granted',
    'extend held',
    'extend late',
    'extend restored',
    'extend superseded',
    'inspect inspected',
    'release absent',
    'release granted',
  ]);
}
