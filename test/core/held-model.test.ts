import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { claimLifeMs, MetOwners, outcomeOf, ownersIn } from '../../src/core/outcome.js';
import { majorityOf } from '../../src/core/quorum.js';
import type { Vote } from '../../src/core/vote.js';
import { down, granted, heldBy, untrustedHeldBy } from './votes.js';

/**
 * A model of what `outcomeOf` is told about: claims that leave keys on nodes, of which some may not vote, and
 * an observer that looks again and again. It knows who holds the resource; the observer does not.
 */
const TIMEOUT_MS = 100;

/** One round of a claimant. Its holder id is its own. */
interface Claim {
  readonly at: number;
  /** For each node: how long its request takes, and how long its release takes. */
  readonly ways: readonly (readonly [number, number])[];
  /** How long a winner holds the resource. */
  readonly holdMs: number;
}

interface Model {
  readonly nodes: readonly { readonly trusted: boolean; readonly isDown: boolean }[];
  readonly claims: readonly Claim[];
  readonly looks: readonly number[];
}

const someWays = (nodeCount: number) =>
  fc.array(fc.tuple(fc.nat(TIMEOUT_MS - 1), fc.nat(TIMEOUT_MS - 1)), {
    minLength: nodeCount,
    maxLength: nodeCount,
  });

const models = fc.integer({ min: 1, max: 5 }).chain((nodeCount) =>
  fc.record({
    nodes: fc.array(
      fc.record({
        trusted: fc.boolean(),
        isDown: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
      }),
      { minLength: nodeCount, maxLength: nodeCount },
    ),
    claims: fc.array(
      fc.record({ at: fc.nat(600), ways: someWays(nodeCount), holdMs: fc.integer({ min: 0, max: 900 }) }),
      { maxLength: 8 },
    ),
    looks: fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 2, maxLength: 30 }),
  }),
);

/** When each key is on which node, by which claim; and when each winner holds the resource. */
function playOut({ nodes, claims }: Model) {
  const keys: { owner: string; node: number; from: number; to: number }[] = [];
  const leases = new Map<string, { from: number; to: number }>();
  const requests = claims
    .flatMap((claim, index) =>
      claim.ways.map(([wayMs], node) => ({ claim, owner: `claim ${index}`, node, at: claim.at + wayMs })),
    )
    .filter(({ node }) => !nodes[node]!.isDown)
    .sort((one, other) => one.at - other.at);
  const grants = new Map<string, number[]>();
  for (const { claim, owner, node, at } of requests) {
    if (keys.some((key) => key.node === node && key.from <= at && at < key.to)) continue;
    // Whether it wins is known only later, so the key is there at least as long as a lost round leaves it.
    const gone = claim.at + TIMEOUT_MS + claim.ways[node]![1];
    keys.push({ owner, node, from: at, to: gone });
    const counted = [...(grants.get(owner) ?? []), ...(nodes[node]!.trusted ? [node] : [])];
    grants.set(owner, counted);
    if (counted.length < majorityOf(nodes.length) || leases.has(owner)) continue;
    const to = claim.at + TIMEOUT_MS + claim.holdMs;
    leases.set(owner, { from: claim.at, to });
    for (const key of keys) if (key.owner === owner) key.to = Math.max(key.to, to);
  }
  return { keys, leases };
}

describe('outcomeOf with the owners that have stayed', () => {
  it('says held only of an owner that won, whatever nodes are down or in quarantine', () => {
    let said = 0;
    fc.assert(
      fc.property(models, (model) => {
        const { keys, leases } = playOut(model);
        const met = new MetOwners();
        let now = 0;
        for (const pauseMs of model.looks) {
          now += pauseMs;
          const votes = model.nodes.map(({ trusted, isDown }, node): Vote => {
            if (isDown) return down;
            const owner = keys.find((key) => key.node === node && key.from <= now && now < key.to)?.owner;
            if (owner === undefined) return granted();
            return trusted ? heldBy(owner) : untrustedHeldBy(owner);
          });
          const outcome = outcomeOf(votes, met.since(now - claimLifeMs(TIMEOUT_MS), ownersIn(votes)));
          met.add(ownersIn(votes), now);
          if (outcome.kind !== 'held') continue;
          said++;
          expect([...leases.keys()]).toContain(outcome.owner);
        }
      }),
      { numRuns: 5_000 },
    );
    // The model has holders that are found, also by their staying.
    expect(said).toBeGreaterThan(1_000);
  });

  it('says held of a holder that stays, although a majority came into quarantine meanwhile', () => {
    const votes = [heldBy('a'), untrustedHeldBy('a'), untrustedHeldBy('a')];
    const met = new MetOwners();
    met.add(ownersIn(votes), 0);
    expect(outcomeOf(votes, met.since(-1, ['a'])).kind).toBe('contended');
    expect(outcomeOf(votes, met.since(0, ['a']))).toMatchObject({ kind: 'held', owner: 'a' });
  });

  it('an owner counts from the time when it was met first', () => {
    const met = new MetOwners();
    met.add(['a'], 10);
    met.add(['a', 'b'], 20);
    const old = (metByMs: number): string[] => [...met.since(metByMs, ['a', 'b', 'c'])];
    expect([old(9), old(10), old(20)]).toEqual([[], ['a'], ['a', 'b']]);
  });

  it('the owners that were met lately are remembered, however many there are', () => {
    const met = new MetOwners();
    met.add(['holder'], 0);
    for (let now = 1; now <= 100_000; now++) met.add([`claim ${now}`, 'holder'], now);
    expect([...met.since(0, ['holder', 'claim 1'])]).toEqual(['holder']);
    expect([...met.since(1, ['claim 1', 'claim 100000'])]).toEqual([]);
  });
});
