import { describe, expect, it } from '@jest/globals';
import { untilGone, valuesOf } from '../../support/lock-managers.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { Rng } from '../../simulation/rng.js';
import { Clients } from '../../support/clients.js';

const RESOURCES = ['a', 'b', 'c'];
const NODE_TIMEOUT_MS = 200;
const OPTIONS = { ttlMs: 60_000, maxTtlMs: 60_000, nodeTimeoutMs: NODE_TIMEOUT_MS };
const SEEDS = 60;

/** Managers that acquire and release at random while nodes are paused, slow, or lose their answers. */
async function lifeOf(seed: number): Promise<{ world: VirtualWorld; paused: Set<number>; granted: number }> {
  const rng = new Rng(seed);
  const world = new VirtualWorld(rng.chance(0.5) ? 3 : 5);
  const { clock, nodes } = world;
  const paused = new Set<number>();
  let granted = 0;
  let over = false;
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      clock.setTimer(resolve, ms);
    });
  const weather = async (): Promise<void> => {
    while (!over) {
      const nodeIndex = rng.int(0, nodes.length - 1);
      const node = nodes[nodeIndex]!;
      if (paused.delete(nodeIndex)) node.resume();
      else if (rng.chance(0.4) && paused.size < (nodes.length - 1) / 2) {
        paused.add(nodeIndex);
        node.stop();
      } else {
        const latency = { requestMs: rng.between(0, 60), replyMs: rng.between(0, 60) };
        node.behaviour = rng.chance(0.2) ? { ...latency, loseReplyAfterMs: rng.between(0, 60) } : latency;
      }
      await wait(rng.exponential(150));
    }
  };
  const worker = async (): Promise<void> => {
    const locks = world.manager(OPTIONS, rng.next);
    while (!over) {
      const resource = rng.chance(0.2) ? ['a', 'b'] : rng.pick(RESOURCES);
      const patience = new AbortController();
      if (rng.chance(0.3)) void wait(rng.between(0, 100)).then(() => patience.abort());
      const lease = await locks.acquire(resource, { signal: patience.signal }).catch(() => undefined);
      if (lease !== undefined) {
        granted++;
        await wait(rng.exponential(100));
        await lease.release();
      }
      await wait(rng.exponential(50));
    }
  };
  const lives = Promise.all([weather(), worker(), worker(), worker()]);
  await clock.advance(5_000);
  over = true;
  await clock.until(lives, 5_000);
  return { world, paused, granted };
}

describe('after a random run of acquisitions and releases', () => {
  it('no key is left on a node one node timeout after a random run, or after the node is back', async () => {
    let granted = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const life = await lifeOf(seed);
      const { world, paused } = life;
      granted += life.granted;
      const left = async (reachable: boolean): Promise<string[]> => {
        const found = [];
        for (const [nodeIndex, node] of world.nodes.entries()) {
          if (paused.has(nodeIndex) === reachable) continue;
          for (const resource of RESOURCES) {
            const owner = await node.owner(resource);
            if (owner !== undefined) found.push(`seed ${seed}: ${node.name} ${resource} ${owner}`);
          }
        }
        return found;
      };
      for (const node of world.nodes) node.behaviour = { ...node.behaviour, requestMs: 1, replyMs: 1 };
      await world.clock.advance(NODE_TIMEOUT_MS);
      expect(await left(true)).toEqual([]);
      for (const nodeIndex of paused) world.nodes[nodeIndex]!.resume();
      await world.clock.advance(NODE_TIMEOUT_MS);
      expect(await left(false)).toEqual([]);
    }
    expect(granted).toBeGreaterThan(SEEDS * 10);
  });

  it('no key is left on a real server, even one that was stopped in between', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const options = { ttlMs: 60_000, maxTtlMs: 3_600_000, nodeTimeoutMs: NODE_TIMEOUT_MS };
    const workers = [
      await clients.ready(options),
      await clients.ready(options),
      await clients.ready(options),
    ];
    const rng = new Rng(7);
    let granted = 0;
    for (let round = 0; round < 6; round++) {
      const stopped = redis.servers[rng.int(0, 2)]!;
      const runs = workers.map(async (locks) => {
        for (let count = 0; count < 10; count++) {
          const lease = await locks.acquire(rng.pick(RESOURCES)).catch(() => undefined);
          if (lease === undefined) continue;
          granted++;
          await lease.release();
        }
      });
      stopped.pause();
      await Promise.all(runs);
      const running = redis.servers.filter((server) => server !== stopped);
      for (const resource of RESOURCES) await untilGone(running, `lock:${resource}`);
      stopped.resume();
      for (const resource of RESOURCES) await untilGone([stopped], `lock:${resource}`);
    }
    expect(granted).toBeGreaterThan(0);
    await until(async () => {
      const values = await Promise.all(
        RESOURCES.map((resource) => valuesOf(redis.servers, `lock:${resource}`)),
      );
      return values.flat().every((value) => value === null);
    });
  });
});
