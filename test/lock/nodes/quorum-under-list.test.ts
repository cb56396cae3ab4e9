import { describe, expect, it } from '@jest/globals';
import {
  LeaseLostError,
  LockManager,
  type Lease,
  type LeaseJson,
  type LockEvent,
  type LockManagerOptions,
} from '../../../src/index.js';
import { QuarantineTerm } from '../../../src/core/quarantine.js';
import { RedisNode } from '../../../src/node/redis/redis-node.js';
import { Link } from '../../simulation/network.js';
import { Rng } from '../../simulation/rng.js';
import { simEndpoint } from '../../simulation/sim-connection.js';
import { SimProcess } from '../../simulation/sim-process.js';
import { SimServer } from '../../simulation/sim-server.js';
import { Timeline } from '../../simulation/timeline.js';

const MAX_TTL_MS = 60_000;

/** Servers that keep their list of nodes, in virtual time. */
class World {
  readonly timeline = new Timeline();
  readonly #rng = new Rng(1);
  readonly warnings: string[] = [];
  readonly servers = Array.from(
    { length: 5 },
    (_, index) => new SimServer(`n${index}`, this.timeline, 1, 0, undefined, () => undefined),
  );

  /** A process with these nodes, and what it tells of its quorum. */
  start(places: readonly number[], options: Partial<LockManagerOptions> = {}, quarantineMs = MAX_TTL_MS) {
    const { timeline } = this;
    const rng = this.#rng.fork();
    const clock = new SimProcess(timeline, rng, 1, 0);
    const settings = {
      keyPrefix: 'lock:',
      driftFactor: 0.01,
      quarantine: new QuarantineTerm(quarantineMs),
      isExact: true,
      clock,
      random: rng.next,
    };
    const nodes = places.map((place) => {
      const link = new Link(timeline, rng.fork(), { leastMs: 1, meanJitterMs: 0, resendChance: 0 });
      const server = this.servers[place]!;
      return new RedisNode(simEndpoint(clock, { server, address: server.name }, link, false), settings);
    });
    const warn = (message: string): void => void this.warnings.push(message);
    const locks = new LockManager(
      { nodes, warn, maxTtlMs: MAX_TTL_MS, ...options },
      { clock, random: rng.next },
    );
    const told: Extract<LockEvent, { type: 'quorum' }>[] = [];
    locks.subscribe((event) => void (event.type === 'quorum' && told.push(event)));
    return { locks, told };
  }

  async run(forMs: number): Promise<void> {
    await this.timeline.run(this.timeline.now + forMs);
  }
}

describe('a majority that is ready', () => {
  it('is none where the list in use is longer than that of the process', async () => {
    const world = new World();
    const all = world.start([0, 1, 2, 3, 4]);
    await world.run(3_000);
    const whole = { ready: 5, needed: 3, nodes: 5, reached: true };
    expect(await all.locks.started()).toEqual(whole);
    expect(all.told).toEqual([{ type: 'quorum', atStart: true, quorum: whole }]);
    world.servers[2]!.kill();
    const { locks, told } = world.start([0, 1, 2]);
    await world.run(3_000);
    const part = { nodes: 3, needed: 3 };
    expect(await locks.started()).toEqual({ ...part, ready: 2, reached: false });
    expect(locks.health()).toMatchObject({ ...part, ready: 2, status: 'down' });
    world.servers[2]!.start('kept');
    await world.run(15_000);
    expect(told.slice(1)).toEqual([
      { type: 'quorum', atStart: false, quorum: { ...part, ready: 3, reached: true } },
    ]);
  });

  it('is none where all nodes are ready and the list in use needs more of them, and that is told', async () => {
    const world = new World();
    world.start([0, 1, 2]);
    await world.run(3_000);
    const { locks } = world.start([0]);
    await world.run(3_000);
    expect(await locks.started()).toEqual({
      ready: 1,
      needed: 2,
      nodes: 1,
      reached: false,
      reason: expect.stringMatching(/^not enough of them vote under the list .*, see docs\/membership\.md$/),
    });
  });

  it('is none before the first use of new nodes, which needs all of them, and that is told', async () => {
    const world = new World();
    world.servers[2]!.kill();
    const { locks, told } = world.start([0, 1, 2]);
    await world.run(3_000);
    // An operator's word: nobody has ever locked here.
    for (const name of ['n0', 'n1']) await Promise.all([locks.trustNode(name), world.run(1_000)]);
    const reason = 'no list of nodes is in use yet: its first use needs all nodes';
    const before = { ready: 2, needed: 2, nodes: 3, reached: false, reason };
    expect(locks.nodes().map(({ status }) => status)).toEqual(['ready', 'ready', 'unreachable']);
    expect(locks.health().status).toBe('down');
    expect(told.every(({ quorum }) => !quorum.reached)).toBe(true);
    // The same, seen by a process that starts when both are ready.
    const later = world.start([0, 1, 2]);
    await world.run(2_500);
    expect(await later.locks.started()).toEqual(before);
    expect(later.told).toEqual([{ type: 'quorum', atStart: true, quorum: before }]);
    world.servers[2]!.start('kept');
    await world.run(5_000);
    for (const { told: both } of [{ told }, later])
      expect(both.at(-1)).toMatchObject({ atStart: false, quorum: { reached: true } });
  });

  it('a process that sees a foreign list alone says so', async () => {
    const world = new World();
    const foreign = world.start([4]);
    await world.run(3_000);
    const closing = foreign.locks.close();
    await world.run(3_000);
    await closing;
    for (const place of [0, 1]) world.servers[place]!.kill();
    const { locks } = world.start([0, 1, 4]);
    await world.run(10_000);
    expect(locks.membership()).toMatchObject({ nodes: ['n4'], isActive: true, isOwn: false });
    expect(world.warnings.filter((line) => line.startsWith('configuration mismatch'))).toEqual([
      expect.stringContaining('the list of nodes in use is n4, as far as this client can see'),
    ]);
  });
});

describe.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  'a list that another client began to bring back %s ms before',
  (ms) => {
    async function useAfterLoss(
      use: (locks: LockManager, given: LeaseJson) => Promise<Lease>,
    ): Promise<void> {
      const world = new World();
      const [one, other] = [world.start([0, 1], {}, 0).locks, world.start([0, 1], {}, 0).locks];
      const before = [one.acquire('a'), other.acquire('b')] as const;
      await Promise.all([...before, world.run(5_000)]);
      const giving = (await before[0]).transfer();
      await world.run(100);
      world.servers[1]!.flushAll();
      const first = one.acquire('c');
      await world.run(ms);
      await Promise.all([first, use(other, await giving), world.run(2_000)]);
    }

    it('costs no lock', async () => {
      await useAfterLoss((locks) => locks.acquire('d'));
    });

    it('does not hide that a lease to adopt was lost with the node', async () => {
      const adopted = useAfterLoss((locks, given) => locks.adopt(given));
      await expect(adopted).rejects.toThrow(LeaseLostError);
    });
  },
);
