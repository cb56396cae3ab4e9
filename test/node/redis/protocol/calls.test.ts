import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NodeRequest } from '../../../../src/node/node-request.js';
import { RequestEncoder } from '../../../../src/node/redis/protocol/requests.js';
import type { CallContent, Operation } from '../../../../src/node/redis/protocol/script-call.js';

const acquire = (resources: readonly string[], more: object = {}): NodeRequest => ({
  op: 'acquire',
  resources,
  holderId: 'anna',
  ttlMs: 30_000,
  deadlineAt: 250,
  seed: 1_795_866_992_000_000,
  tick: undefined,
  tokens: 1,
  ...more,
});

const release = (resources: readonly string[]): NodeRequest => ({
  op: 'release',
  resources,
  holderId: 'anna',
  keepMs: 0,
});

const extend = (resources: readonly string[], deadlineAt = 250): NodeRequest => ({
  op: 'extend',
  resources,
  holderId: 'anna',
  ttlMs: 30_000,
  deadlineAt,
  token: 7,
  maxCounter: 7,
});

const operationsOf = (requests: readonly NodeRequest[], slots: readonly number[] = []): Operation[] => {
  const encoder = new RequestEncoder();
  return requests.map((request, at) => encoder.operationOf('lock:', request, slots[at]));
};

const callsOf = (operations: readonly Operation[], now = 0): readonly CallContent[] =>
  new RequestEncoder().callsOf(operations, now);

/** What each call carries out, in short: `acquire a+b c`. */
const told = (calls: readonly CallContent[]): string[] =>
  calls.map(({ script, operations }) =>
    [script.verb, ...operations.map(({ resources }) => resources.join('+'))].join(' '),
  );

describe('what arises together', () => {
  it('goes in one call for each verb, in the order in which these came', () => {
    const requests = [acquire(['a']), release(['b']), acquire(['c']), extend(['d']), release(['e'])];
    expect(told(callsOf(operationsOf(requests)))).toEqual(['acquire a c', 'release b e', 'extend d']);
  });

  it('keeps the order of each resource: what has to follow goes in a later call', () => {
    const requests = [acquire(['a']), release(['a']), acquire(['b', 'a']), acquire(['c']), release(['c'])];
    expect(told(callsOf(operationsOf(requests)))).toEqual(['acquire a c', 'release a c', 'acquire b+a']);
  });

  it.each<[string, NodeRequest]>([
    ['another ttl', acquire(['b'], { ttlMs: 10_000 })],
    ['a tick', acquire(['b'], { tick: 7 })],
    ['more tokens', acquire(['b'], { tokens: 5 })],
    ['a waiter', acquire(['b'], { queueEntry: { waiter: 'w', listLivesMs: 60_000 } })],
    ['more resources', acquire(['b', 'c'])],
    ['a much later deadline', acquire(['b'], { deadlineAt: 350 })],
  ])('goes in calls of its own with %s', (_what, request) => {
    expect(callsOf(operationsOf([acquire(['a']), request]))).toHaveLength(2);
  });

  it('goes in one call with the earliest deadline, where these differ by a quarter of the time at most', () => {
    const deadlines = [250, 300, 249];
    const operations = operationsOf(deadlines.map((deadlineAt, at) => acquire([`r${at}`], { deadlineAt })));
    const [call, ...others] = callsOf(operations);
    expect(others).toEqual([]);
    expect(call!.deadlineAt).toBe(249);
    expect(callsOf(operations, 200)).toHaveLength(2);
  });

  it('goes in calls of its own for each slot', () => {
    const requests = [acquire(['a']), acquire(['b']), acquire(['c'])];
    expect(told(callsOf(operationsOf(requests, [1, 2, 1])))).toEqual(['acquire a c', 'acquire b']);
  });

  it('is carried out once each, in the order of each resource, and no call is one too many', () => {
    const names = fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1, maxLength: 2 });
    const make = [acquire, release, (resources: string[]) => extend(resources)];
    const request = fc.tuple(fc.constantFrom(...make), names).map(([one, resources]) => one(resources));
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
        const operations = operationsOf(requests);
        const calls = callsOf(operations);
        const carriedOut = calls.flatMap(({ places }) => places);
        expect([...carriedOut].sort((a, b) => a - b)).toEqual(requests.map((_, at) => at));
        for (const call of calls)
          expect(call.operations).toEqual(call.places.map((place) => operations[place]));
        for (const name of ['a', 'b', 'c', 'd']) {
          const own = carriedOut.filter((place) => requests[place]!.resources.includes(name));
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
        // The first of a call could not go into an earlier one of its kind.
        for (const [at, call] of calls.entries()) {
          const [first] = call.operations;
          const earlier = calls
            .slice(0, at)
            .findLastIndex(({ operations: [other] }) => areAlike(other!, first!));
          if (earlier < 0) continue;
          const between = calls.slice(earlier + 1, at).flatMap(({ operations: all }) => all);
          expect(
            between.some(({ resources }) => resources.some((one) => first!.resources.includes(one))),
          ).toBe(true);
        }
      }),
    );
  });
});

const areAlike = (one: Operation, other: Operation): boolean =>
  one.script === other.script && one.terms === other.terms;

describe('a request', () => {
  it('is encoded once for nodes with the same prefix, and calls are made once for the same operations', () => {
    const encoder = new RequestEncoder();
    const request = acquire(['a']);
    const operation = encoder.operationOf('lock:', request);
    expect(encoder.operationOf('lock:', request)).toBe(operation);
    expect(encoder.operationOf('other:', request)).not.toBe(operation);
    const calls = encoder.callsOf([operation], 0);
    expect(encoder.callsOf([operation], 1)).toBe(calls);
    expect(encoder.callsOf([operation, operation], 1)).not.toBe(calls);
  });

  it('is not mixed up with one of another manager', () => {
    const [one, other] = [new RequestEncoder(), new RequestEncoder()];
    const request = acquire(['a']);
    expect(one.operationOf('lock:', request)).not.toBe(other.operationOf('lock:', request));
  });
});
