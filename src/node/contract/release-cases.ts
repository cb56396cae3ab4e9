import { deepStrictEqual, equal } from 'node:assert/strict';
import { between, matches } from './assertions.js';
import { LONG_MS, type Cases } from './operations.js';

const ABSENT = { kind: 'refused', reason: 'absent' };

/** What release must do. */
export const releaseCases: Cases = {
  'release deletes the key of its owner and leaves the counter and the tick': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource] });
    await on.confirm({ resources: [resource], token, tick: 7_000 });
    matches(await on.release({ resources: [resource] }), { kind: 'granted' });
    matches(await on.inspect(resource), {
      owner: undefined,
      remainingMs: 0,
      counter: token,
      run: { tick: 7_000, attempt: 1, state: 'started' },
    });
  },

  "release leaves another's key, and says that its own is absent": async (on) => {
    const resource = on.resource();
    await on.granted({ resources: [resource], holderId: 'bert' });
    deepStrictEqual(await on.release({ resources: [resource] }), ABSENT);
    equal((await on.inspect(resource)).owner, 'bert');
  },

  'release is refused as absent where no key is, the second time too': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources });
    await on.release({ resources });
    for (let i = 0; i < 2; i++) deepStrictEqual(await on.release({ resources }), ABSENT);
  },

  'release with keepMs shortens the key, and its owner stays': async (on) => {
    const resource = on.resource();
    await on.granted({ resources: [resource], ttlMs: 3 * LONG_MS });
    matches(await on.release({ resources: [resource], keepMs: LONG_MS }), { kind: 'granted' });
    const inspected = await on.inspect(resource);
    equal(inspected.owner, 'anna');
    between(inspected.remainingMs, LONG_MS / 2, LONG_MS);
  },

  'release of several resources releases those that its holder has': async (on) => {
    const [a, b, c] = [on.resource(), on.resource(), on.resource()];
    await on.granted({ resources: [a] });
    await on.granted({ resources: [b], holderId: 'bert' });
    matches(await on.release({ resources: [a, b, c] }), { kind: 'granted' });
    equal((await on.inspect(a)).owner, undefined);
    equal((await on.inspect(b)).owner, 'bert');
  },

  'wake is granted, and changes nothing that inspect tells': async (on) => {
    const [free, held] = [on.resource(), on.resource()];
    const counter = await on.granted({ resources: [held] });
    matches(await on.wake([free, held]), { kind: 'granted' });
    matches(await on.inspect(free), { owner: undefined, counter: undefined });
    matches(await on.inspect(held), { owner: 'anna', counter });
  },
};

/** What inspect must do. */
export const inspectCases: Cases = {
  'inspect finds nothing of an unknown resource, and makes nothing': async (on) => {
    const resource = on.resource();
    for (let i = 0; i < 2; i++) {
      deepStrictEqual(await on.inspect(resource), {
        kind: 'inspected',
        owner: undefined,
        remainingMs: 0,
        counter: undefined,
        run: undefined,
      });
    }
  },

  'inspect of no resources has no answers': async ({ node }) => {
    deepStrictEqual(await node.inspect([]), []);
  },
};

/** What holds for requests that are made in one turn. */
export const batchCases: Cases = {
  'acquisitions of one turn are answered in order, each by itself': async (on) => {
    const [free, held, one, other] = [on.resource(), on.resource(), on.resource(), on.resource()];
    await on.granted({ resources: [held], holderId: 'bert' });
    matches(
      await on.askAll([
        on.acquireRequest({ resources: [held] }),
        on.acquireRequest({ resources: [free] }),
        on.acquireRequest({ resources: [one, other], seed: undefined }),
        on.acquireRequest({ resources: [on.resource()], deadlineAt: on.now() - 1 }),
        on.acquireRequest({ resources: [other], holderId: 'carl' }),
        on.acquireRequest({ resources: [free] }),
      ]),
      [
        { kind: 'refused', reason: 'held', owner: 'bert' },
        { kind: 'granted' },
        { kind: 'granted', counter: 0 },
        { kind: 'failed', reason: 'late' },
        { kind: 'refused', reason: 'held', owner: 'anna' },
        { kind: 'granted' },
      ],
    );
  },

  'confirmations, extensions, releases and inspections of one turn are answered in order': async (on) => {
    const [a, b] = [on.resource(), on.resource()];
    const token = await on.granted({ resources: [a] });
    await on.granted({ resources: [b], holderId: 'bert' });
    matches(
      await on.askAll([
        on.confirmRequest({ resources: [b], token: token + 1 }),
        on.confirmRequest({ resources: [a], token: token + 1 }),
      ]),
      [{ reason: 'held' }, { kind: 'granted', counter: token + 1 }],
    );
    matches(
      await on.askAll([
        on.extendRequest({ resources: [a], token: token + 1 }),
        on.extendRequest({ resources: [b], token: token + 1 }),
        on.extendRequest({ resources: [a], token }),
      ]),
      [{ kind: 'granted' }, { reason: 'held' }, { reason: 'superseded' }],
    );
    matches(await on.node.inspect([b, a]), [{ owner: 'bert' }, { owner: 'anna' }]);
    matches(await on.askAll([on.releaseRequest({ resources: [b] }), on.releaseRequest({ resources: [a] })]), [
      { reason: 'absent' },
      { kind: 'granted' },
    ]);
  },

  '500 requests of one turn are answered': async (on) => {
    const requests = Array.from({ length: 500 }, () => on.acquireRequest({ resources: [on.resource()] }));
    const votes = await on.askAll(requests);
    equal(votes.filter((vote) => vote.kind === 'granted').length, 500);
  },
};
