import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Lateness, Road } from '../../benchmarks/bench/distance/delays.js';
import { farFrom } from '../../benchmarks/bench/distance/distance.js';
import { ownNodes, using, type BenchNodes } from '../../benchmarks/bench/nodes.js';
import { Redis } from 'ioredis';

const bytes = (text: string): Buffer => Buffer.from(text);
const taken = (road: Road<string>, nowMs: number): string[] =>
  [...road.arrived(nowMs)].map((parcel) => `${parcel.to}:${parcel.bytes.toString()}`);

describe('bytes on their way', () => {
  it('arrive after their delay, in the order in which they were sent', () => {
    const road = new Road<string>();
    road.send('a', bytes('1'), 1, 0);
    road.send('a', bytes('2'), 1, 0.5);
    expect(road.nextMs).toBe(1);
    expect(taken(road, 0.9)).toEqual([]);
    expect(taken(road, 1)).toEqual(['a:1']);
    expect(road.nextMs).toBe(1.5);
    expect(taken(road, 9)).toEqual(['a:2']);
    expect(road.nextMs).toBeUndefined();
  });

  it('of a near node do not wait for those of a far one', () => {
    const road = new Road<string>();
    road.send('far', bytes('1'), 20, 0);
    for (let n = 0; n < 3; n++) road.send('near', bytes(String(n)), 1, n);
    expect(taken(road, 5)).toEqual(['near:0', 'near:1', 'near:2']);
    expect(road.nextMs).toBe(20);
    expect(taken(road, 20)).toEqual(['far:1']);
  });

  it('lateness is told as the value that a share of all did not exceed', () => {
    const late = new Lateness();
    for (let n = 1; n <= 100; n++) late.add(n / 100);
    expect([late.at(0.5), late.at(0.99)]).toEqual([0.5, 0.99]);
    late.clear();
    expect(late.at(0.5)).toBe(0);
  });
});

describe('a node behind the proxy', () => {
  let nodes: BenchNodes;
  beforeAll(async () => {
    nodes = await ownNodes(2);
  });
  afterAll(() => nodes.close());

  it('gets and gives all bytes, later by the delay of its own', async () => {
    const delayMs = 25;
    await using far = await farFrom(nodes.addresses, [delayMs, 0]);
    const values = ['a'.repeat(300_000), 'b', 'c'.repeat(50_000)];
    const asked = async ({ host, port }: { host: string; port: number }) =>
      using(new Redis({ host, port }), async (client) => {
        await client.ping();
        const began = performance.now();
        await Promise.all(values.map((value, at) => client.set(`key-${at}`, value)));
        const tookMs = performance.now() - began;
        return { tookMs, read: await client.mget(values.map((_, at) => `key-${at}`)) };
      });
    const [slow, plain] = await Promise.all(far.addresses.map(asked));
    expect([slow?.read, plain?.read]).toEqual([values, values]);
    // A request and its reply, less what a parcel may be early.
    expect(slow?.tookMs).toBeGreaterThan(2 * delayMs - 1);
    expect((await far.lateness()).p50).toBeGreaterThanOrEqual(0);
  });
});
