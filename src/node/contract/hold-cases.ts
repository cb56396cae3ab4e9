import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import type { Vote } from '../../core/vote.js';
import { PRESENT_ONLY } from '../node-request.js';
import { matches } from './assertions.js';
import { LONG_MS, wallUs, type Cases, type Operations } from './operations.js';

const ABSENT = { kind: 'refused', reason: 'absent' };

/** What confirm must do. */
export const confirmCases: Cases = {
  'confirm raises the counter to the token and records the tick': async (on) => {
    const resource = on.resource();
    const token = (await on.granted({ resources: [resource] })) + 5;
    deepStrictEqual(await on.confirm({ resources: [resource], token, tick: 7_000 }), {
      kind: 'granted',
      counter: token,
    });
    matches(await on.inspect(resource), {
      owner: 'anna',
      counter: token,
      run: { tick: 7_000, attempt: 1, state: 'started' },
    });
  },

  'confirm may be repeated, and without a tick leaves the one on record': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource] });
    await on.confirm({ resources: [resource], token, tick: 7_000 });
    deepStrictEqual(await on.confirm({ resources: [resource], token }), { kind: 'granted', counter: token });
    matches(await on.inspect(resource), {
      counter: token,
      run: { tick: 7_000, attempt: 1, state: 'started' },
    });
  },

  'confirm refuses a holder that is not the owner, and writes nothing': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource], holderId: 'bert' });
    const vote = await on.confirm({ resources: [resource], token: counter + 9, tick: 7_000 });
    matches(vote, { kind: 'refused', reason: 'held', owner: 'bert' });
    matches(await on.inspect(resource), { counter, run: undefined });
  },

  'confirm refuses a key that is gone, and writes nothing': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource], ttlMs: 20 });
    await on.expire(resource);
    deepStrictEqual(await on.confirm({ resources: [resource], token: counter + 9, tick: 7_000 }), ABSENT);
    matches(await on.inspect(resource), { counter, run: undefined });
  },

  'confirm refuses a token below the counter, and never lowers the counter': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    deepStrictEqual(await on.confirm({ resources: [resource], token: counter - 1, tick: 7_000 }), {
      kind: 'refused',
      reason: 'superseded',
      counter,
    });
    matches(await on.inspect(resource), { counter, run: undefined });
  },

  'confirm of several resources confirms all or none': async (on) => {
    const [a, b] = [on.resource(), on.resource()];
    const token = await on.granted({ resources: [a] });
    await on.granted({ resources: [b], holderId: 'bert', seed: undefined });
    const vote = await on.confirm({ resources: [a, b], token: token + 3, tick: 7_000 });
    matches(vote, { kind: 'refused', reason: 'held', owner: 'bert' });
    matches(await on.inspect(a), { counter: token, run: undefined });
  },

  'confirm votes late after the deadline and writes nothing': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    const deadlineAt = on.now() - 1;
    matches(await on.confirm({ resources: [resource], token: counter + 1, tick: 7_000, deadlineAt }), {
      kind: 'failed',
      reason: 'late',
    });
    matches(await on.inspect(resource), { counter, run: undefined });
  },
};

/** What extend must do. */
export const extendCases: Cases = {
  'extend prolongs the key of its owner': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: LONG_MS });
    deepStrictEqual(await on.extend({ resources: [resource], token, ttlMs: 3 * LONG_MS }), {
      kind: 'granted',
      counter: token,
    });
    ok((await on.inspect(resource)).remainingMs > 2 * LONG_MS);
  },

  'extend never shortens a key': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: LONG_MS });
    matches(await on.extend({ resources: [resource], token, ttlMs: 10 }), { kind: 'granted' });
    ok((await on.inspect(resource)).remainingMs > LONG_MS / 2);
  },

  'extend raises a counter that is below the token': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    await on.extend({ resources: [resource], token: counter + 4 });
    equal((await on.inspect(resource)).counter, counter + 4);
  },

  'extend sets a lost key again where the counter proves that nobody came after, and that counts': async (
    on,
  ) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: 20 });
    await on.expire(resource);
    deepStrictEqual(await on.extend({ resources: [resource], token }), { kind: 'granted', counter: token });
    matches(await on.inspect(resource), { owner: 'anna', counter: token });
  },

  'extend sets a key again where the counter is lost too, but that counts only in a later round': async (
    on,
  ) => {
    const resource = on.resource();
    const token = 1_000;
    matches(await on.extend({ resources: [resource], token }), { kind: 'failed', reason: 'restored' });
    matches(await on.inspect(resource), { owner: 'anna', counter: token });
    matches(await on.acquire({ resources: [resource], holderId: 'bert' }), { owner: 'anna' });
    deepStrictEqual(await on.extend({ resources: [resource], token }), { kind: 'granted', counter: token });
  },

  'extend without fencing prolongs, and does not count a key that it set again': async (on) => {
    const resource = on.resource();
    await on.granted({ resources: [resource], seed: undefined, ttlMs: LONG_MS });
    deepStrictEqual(await on.extend({ resources: [resource], token: undefined, ttlMs: 3 * LONG_MS }), {
      kind: 'granted',
      counter: 0,
    });
    ok((await on.inspect(resource)).remainingMs > 2 * LONG_MS);
    await on.release({ resources: [resource] });
    matches(await on.extend({ resources: [resource], token: undefined }), {
      kind: 'failed',
      reason: 'restored',
    });
    equal((await on.inspect(resource)).counter, undefined);
  },

  'extend refuses what another holds, and changes nothing': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: 20 });
    await on.expire(resource);
    const counter = await on.granted({ resources: [resource], holderId: 'bert' });
    matches(await on.extend({ resources: [resource], token: token + 99, ttlMs: 3 * LONG_MS }), {
      kind: 'refused',
      reason: 'held',
      owner: 'bert',
    });
    const inspected = await on.inspect(resource);
    matches(inspected, { owner: 'bert', counter });
    ok(inspected.remainingMs <= LONG_MS);
  },

  'extend refuses as absent where a later holder came and went, whatever the highest counter': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: 20 });
    await on.expire(resource);
    await on.granted({ resources: [resource], holderId: 'bert' });
    await on.release({ resources: [resource], holderId: 'bert' });
    const vote = await on.extend({ resources: [resource], token, maxCounter: token + 99 });
    deepStrictEqual(vote, ABSENT);
    equal((await on.inspect(resource)).owner, undefined);
  },

  'extend of a key that must be present prolongs it and never sets it again, with fencing': (on) =>
    extendPresentOnly(on, wallUs(), 7_000),

  'extend of a key that must be present prolongs it and never sets it again, without fencing': (on) =>
    extendPresentOnly(on, undefined, undefined),

  'extend refuses its own key under a higher counter, unless it allows that counter': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    const token = counter - 5;
    deepStrictEqual(await on.extend({ resources: [resource], token }), {
      kind: 'refused',
      reason: 'superseded',
      counter,
    });
    deepStrictEqual(await on.extend({ resources: [resource], token, maxCounter: counter + 2 }), {
      kind: 'granted',
      counter: counter + 2,
    });
    equal((await on.inspect(resource)).counter, counter + 2);
  },

  'extend of several resources extends all or none': async (on) => {
    const [a, b] = [on.resource(), on.resource()];
    const token = await on.granted({ resources: [a], ttlMs: LONG_MS });
    await on.granted({ resources: [b], holderId: 'bert' });
    const vote = await on.extend({ resources: [a, b], token: token + 9, ttlMs: 3 * LONG_MS });
    matches(vote, { kind: 'refused', reason: 'held', owner: 'bert' });
    const inspected = await on.inspect(a);
    equal(inspected.counter, token);
    ok(inspected.remainingMs <= LONG_MS);
  },

  'extend votes late after the deadline and writes nothing': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: LONG_MS });
    const deadlineAt = on.now() - 1;
    matches(await on.extend({ resources: [resource], token, ttlMs: 3 * LONG_MS, deadlineAt }), {
      kind: 'failed',
      reason: 'late',
    });
    ok((await on.inspect(resource)).remainingMs <= LONG_MS);
  },
};

const HOUR_US = 3_600_000_000;

/** What must never spread: a counter far ahead of the time. */
export const impossibleCounterCases: Cases = {
  'confirm fails with a token far ahead of the time, names the resource, and writes nothing': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    for (const token of [wallUs() + HOUR_US, Number.MAX_SAFE_INTEGER])
      isImpossible(await on.confirm({ resources: [resource], token }), resource);
    matches(await on.inspect(resource), { owner: 'anna', counter });
    equal((await on.confirm({ resources: [resource], token: counter })).kind, 'granted');
  },

  'extend fails with a counter far ahead of the time, and changes nothing': async (on) => {
    const resource = on.resource();
    const token = await on.granted({ resources: [resource], ttlMs: LONG_MS });
    const request = { resources: [resource], token, ttlMs: 3 * LONG_MS };
    for (const maxCounter of [wallUs() + HOUR_US, Number.MAX_SAFE_INTEGER])
      isImpossible(await on.extend({ ...request, maxCounter }), resource);
    const inspected = await on.inspect(resource);
    equal(inspected.counter, token);
    ok(inspected.remainingMs <= LONG_MS);
    equal((await on.extend(request)).kind, 'granted');
  },
};

function isImpossible(vote: Vote, resource: string): void {
  matches(vote, { kind: 'failed', reason: 'error' });
  ok(vote.kind === 'failed' && vote.cause.message.includes(resource));
  ok(vote.cause.message.includes('further ahead than time allows'));
}

async function extendPresentOnly(
  on: Operations,
  seed: number | undefined,
  above: number | undefined,
): Promise<void> {
  const resource = on.resource();
  const counter = await on.granted({ resources: [resource], seed });
  const maxCounter = above === undefined ? undefined : counter + above;
  const request = { resources: [resource], token: PRESENT_ONLY, maxCounter };
  deepStrictEqual(await on.extend({ ...request, ttlMs: 3 * LONG_MS }), {
    kind: 'granted',
    counter: maxCounter ?? 0,
  });
  ok((await on.inspect(resource)).remainingMs > 2 * LONG_MS);
  await on.release({ resources: [resource] });
  deepStrictEqual(await on.extend(request), ABSENT);
  // A node that has lost the counter as well cannot know that the key was released.
  const unknown = on.resource();
  deepStrictEqual(await on.extend({ ...request, resources: [unknown] }), ABSENT);
  for (const one of [resource, unknown]) equal((await on.inspect(one)).owner, undefined);
}
