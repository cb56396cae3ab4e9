import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Vote } from '../../core/vote.js';
import type { LockNode } from '../lock-node.js';
import { matches, until } from './assertions.js';
import { LONG_MS, voteOf, type Cases } from './operations.js';
import type { NodePart } from './subject.js';

const PARTS: readonly NodePart[] = ['memory', 'onRelease', 'withdraw', 'markMisconfigured', 'history'];

/** How votes are given, apart from what they say. */
export const portCases = (parts: readonly NodePart[]): Cases => ({
  'a node has the optional parts that the subject lists, and no others': async ({ node }) => {
    const found = PARTS.filter((part) => node[part] !== undefined);
    deepStrictEqual(
      found,
      PARTS.filter((part) => parts.includes(part)),
    );
  },

  'a node has a name and an address': async ({ node }) => {
    ok(node.name.length > 0);
    ok(node.address.length > 0);
  },

  'a node that votes is ready': async (on) => {
    await on.granted({ resources: [on.resource()] });
    equal(on.node.state.status, 'ready');
  },

  'every request gets one vote, with the number that it was asked under': async (on) => {
    const votes: [number, Vote['kind']][] = [];
    const receiver = { receive: (nodeIndex: number, vote: Vote) => void votes.push([nodeIndex, vote.kind]) };
    on.node.ask(on.acquireRequest({ resources: [on.resource()] }), receiver, 7);
    on.node.ask(on.releaseRequest({ resources: [on.resource()] }), receiver, 8);
    await until(() => votes.length >= 2, 'two votes');
    await sleep(20);
    deepStrictEqual(
      votes.toSorted(([a], [b]) => a - b),
      [
        [7, 'granted'],
        [8, 'refused'],
      ],
    );
  },

  'requests take effect in the order in which they were made': async (on) => {
    const resources = [on.resource()];
    const votes = await on.askAll([
      on.acquireRequest({ resources }),
      on.releaseRequest({ resources }),
      on.acquireRequest({ resources, holderId: 'bert' }),
    ]);
    deepStrictEqual(
      votes.map(({ kind }) => kind),
      ['granted', 'granted', 'granted'],
    );
    equal((await on.inspect(resources[0]!)).owner, 'bert');
  },

  'a request that says that it is exclusive is like one that says nothing': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources, mode: 'exclusive' });
    matches(await on.acquire({ resources, holderId: 'bert', mode: 'exclusive' }), { reason: 'held' });
  },
});

export const withdrawCases: Cases = {
  'withdraw leaves every request with one vote, and writes nothing for a withdrawn one': async (on) => {
    const resources = Array.from({ length: 50 }, () => on.resource());
    const votes = resources.map((resource) => on.acquire({ resources: [resource] }));
    on.node.withdraw!('anna');
    for (const [at, vote] of (await Promise.all(votes)).entries()) {
      const isWithdrawn = vote.kind === 'failed' && vote.reason === 'withdrawn';
      ok(isWithdrawn || vote.kind === 'granted', `it is ${JSON.stringify(vote)}`);
      const { owner } = await on.inspect(resources[at]!);
      equal(owner, isWithdrawn ? undefined : 'anna');
    }
  },

  'withdraw leaves the requests of other holders, and releases': async (on) => {
    const [mine, other] = [on.resource(), on.resource()];
    await on.granted({ resources: [mine] });
    const votes = on.askAll([
      on.releaseRequest({ resources: [mine] }),
      on.acquireRequest({ resources: [other], holderId: 'bert' }),
    ]);
    on.node.withdraw!('anna');
    matches(await votes, [{ kind: 'granted' }, { kind: 'granted' }]);
  },
};

export const misconfiguredCases: Cases = {
  'a misconfigured node has no vote, and says why': async (on) => {
    const reason = 'it is the same server as another';
    const told: LockNode['state'][] = [];
    on.node.onStateChange((state) => void told.push(state));
    on.node.markMisconfigured!(reason);
    matches(on.node.state, { status: 'misconfigured', reason });
    matches(told, [{ status: 'misconfigured', reason }]);
    const vote = await on.acquire({ resources: [on.resource()] });
    matches(vote, { kind: 'failed', reason: 'unreachable' });
    ok(vote.kind === 'failed' && vote.cause.message === reason);
  },
};

export const closeCases: Cases = {
  'a closed node has no vote': async ({ node }) => {
    await node.close();
    const request = { op: 'acquire', resources: ['contract:closed'], holderId: 'anna', ttlMs: 10 } as const;
    const rest = { deadlineAt: performance.now() + LONG_MS, seed: undefined, tick: undefined, tokens: 1 };
    matches(await voteOf(node, { ...request, ...rest }), { kind: 'failed' });
    equal(node.state.status, 'closed');
  },
};
