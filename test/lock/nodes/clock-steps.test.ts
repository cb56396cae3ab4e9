import { describe, expect, it } from '@jest/globals';
import { startNodes, type FaultNode } from '../../faults/harness/nodes.js';
import { record, ofType } from '../../support/lock-managers.js';
import { until } from '../../support/until.js';
import {
  allVote,
  Clients,
  forget,
  NOT_GRANTED,
  outcomeOf,
  R,
  SHORT,
  statuses,
  untilStatus,
} from '../../support/clients.js';

/** More than the longest TTL of these tests, in milliseconds: after such a step all keys have expired. */
const FAR = 4_000_000;

/** Real servers whose clocks can be stepped, and their clients, which are closed first. */
async function stage(): Promise<{ nodes: readonly FaultNode[]; clients: Clients } & AsyncDisposable> {
  const { nodes, stop } = await startNodes(3);
  const clients = new Clients(nodes.map(({ server }) => server));
  return {
    nodes,
    clients,
    async [Symbol.asyncDispose]() {
      await clients[Symbol.asyncDispose]();
      await stop();
    },
  };
}

const CARELESS = { restartQuarantine: 'off', fencing: false } as const;

/** A lease over the first two nodes. The tests then step the first one's clock. */
async function leaseOverTwo({ nodes, clients }: Awaited<ReturnType<typeof stage>>) {
  const holder = await clients.ready();
  const lease = await holder.acquire(R);
  await forget(nodes[2]!.server);
  return { holder, lease };
}

describe('a node whose clock was stepped (trap 18)', () => {
  it('a clock stepped forward costs the vote: the lease that expired early there is not granted again', async () => {
    await using scene = await stage();
    const { nodes, clients } = scene;
    const witness = await clients.ready();
    const { lease } = await leaseOverTwo(scene);
    await nodes[0]!.stepClock(FAR);
    expect(await nodes[0]!.locks(`lock:${R}`)).toEqual([]);
    expect(await outcomeOf(witness.acquire(R))).toMatch(NOT_GRANTED);
    expect(witness.nodes()[0]).toMatchObject({ status: 'untrusted', reason: 'its clock was stepped' });
    expect(statuses(witness).slice(1)).toEqual(['ready', 'ready']);
    expect(lease.signal.aborted).toBe(false);
    // Without the quarantine there are two holders. With fencing the others refuse the counter of that node.
    const careless = await clients.ready(CARELESS);
    expect(await outcomeOf(careless.acquire(R))).toBe('granted');
    expect(lease.signal.aborted).toBe(false);
  });

  it('a clock stepped back costs the vote too, and the other nodes go on alone', async () => {
    await using scene = await stage();
    const { nodes, clients } = scene;
    const locks = await clients.ready();
    await nodes[1]!.stepClock(-FAR);
    await locks.acquire('one');
    await untilStatus(locks, 1, 'untrusted');
    expect(locks.nodes()[1]!.reason).toBe('its clock was stepped');
    expect(await outcomeOf(locks.acquire('two'))).toBe('granted');
    await nodes[2]!.kill();
    await untilStatus(locks, 2, 'unreachable');
    expect(await outcomeOf(locks.acquire('three'))).toBe('QUORUM_UNREACHABLE untrusted');
  });

  it('a stepped clock is found although nobody asks the node for a vote', async () => {
    await using scene = await stage();
    const { nodes, clients } = scene;
    const locks = await clients.ready();
    await nodes[2]!.stepClock(FAR);
    await untilStatus(locks, 2, 'untrusted');
  });

  it('a stepped clock stands apart for a client that has just started, so there is no second holder', async () => {
    await using scene = await stage();
    const { nodes, clients } = scene;
    const { lease } = await leaseOverTwo(scene);
    await nodes[0]!.stepClock(FAR);
    const fresh = clients.make();
    expect(await outcomeOf(fresh.acquire(R))).toMatch(NOT_GRANTED);
    await untilStatus(fresh, 0, 'untrusted');
    expect(fresh.nodes()[0]!.reason).toContain('stands apart');
    expect(clients.warnings.join('\n')).toContain('stands apart');
    expect(await outcomeOf(fresh.acquire('another'))).toBe('granted');
    expect(lease.signal.aborted).toBe(false);
    expect(await outcomeOf(clients.make(CARELESS).acquire(R))).toBe('granted');
  });

  it('a clock a few seconds apart leaves no majority that agrees if another node is away', async () => {
    await using scene = await stage();
    const { nodes, clients } = scene;
    await leaseOverTwo(scene);
    await nodes[0]!.stepClock(5_000);
    await nodes[1]!.kill();
    const fresh = clients.make();
    await until(() => statuses(fresh).join() === 'untrusted,unreachable,untrusted');
    expect(await outcomeOf(fresh.acquire(R))).toBe('QUORUM_UNREACHABLE untrusted');
  });

  it('a node with a stepped clock votes again after its quarantine, and a lease outlives that', async () => {
    await using scene = await stage();
    const { nodes, clients } = scene;
    const locks = await clients.ready(SHORT);
    const events = record(locks);
    const lease = await locks.acquire(R);
    await nodes[0]!.stepClock(FAR);
    await untilStatus(locks, 0, 'untrusted');
    await allVote(locks);
    await nodes[0]!.stepClock(-FAR);
    await untilStatus(locks, 0, 'untrusted');
    await allVote(locks);
    lease.assertHeld();
    expect(ofType(events, 'lost')).toEqual([]);
  });
});
