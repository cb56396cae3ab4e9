import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { until } from '../../support/until.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { canStepClocks, startNodes, type FaultNode } from './nodes.js';
import { runFaults } from './run.js';

describe('a lock that excludes nobody', () => {
  it('the harness finds overlaps, stale writes, late losses and duplicate ticks', async () => {
    const { findings } = await runFaults({
      adapter: new URL('./grant-all-adapter.ts', import.meta.url),
      seed: 1,
      nodes: 1,
      workers: 2,
      faults: [],
      seconds: 4,
      maxTtlMs: 1_000,
      resources: [{ name: 'r', ttlMs: 500 }],
      say: () => undefined,
    });
    expect(findings.overlaps.length).toBeGreaterThan(0);
    expect(findings.staleWrites.length).toBeGreaterThan(0);
    expect(findings.lateLosses.length).toBeGreaterThan(0);
    expect(findings.duplicates.length).toBeGreaterThan(0);
  });
});

describe('faults of one server that are due at the same time', () => {
  it('come one after the other, as they do where the server starts late', async () => {
    const { records } = await runFaults({
      adapter: new URL('./grant-all-adapter.ts', import.meta.url),
      seed: 1,
      nodes: 1,
      workers: 1,
      faults: [
        { kind: 'node-kill', atMs: 10, forMs: 20, nodes: [0], data: 'lost' },
        { kind: 'node-kill', atMs: 20, forMs: 20, nodes: [0], data: 'kept' },
        { kind: 'node-stop', atMs: 30, forMs: 20, nodes: [0] },
      ],
      seconds: 1,
      maxTtlMs: 0,
      resources: [{ name: 'r', ttlMs: 500 }],
      say: () => undefined,
    });
    const planned = records.flatMap((record) =>
      record.type === 'fault' && record.kind.startsWith('node-') ? [record] : [],
    );
    expect(planned.map(({ kind }) => kind)).toEqual(['node-kill', 'node-kill', 'node-stop']);
    for (const [index, { at }] of planned.entries())
      expect(at).toBeGreaterThanOrEqual(planned[index - 1]?.until ?? 0);
  });
});

describe('a worker that is replaced while it does not run', () => {
  it.each(['worker-stop', 'worker-block'] as const)(
    'is on record as stalled until then: %s',
    async (kind) => {
      const { records } = await runFaults({
        adapter: new URL('./grant-all-adapter.ts', import.meta.url),
        seed: 1,
        nodes: 1,
        workers: 1,
        faults: [
          { kind, atMs: 10, forMs: 1_500, workers: [0] },
          { kind: 'worker-kill', atMs: 200, forMs: 0, workers: [0] },
        ],
        seconds: 2,
        maxTtlMs: 0,
        resources: [{ name: 'r', ttlMs: 500 }],
        say: () => undefined,
      });
      const killed = records.find(({ type }) => type === 'killed')!;
      const stalls = records.flatMap((record) =>
        record.type === 'stall' && record.worker === killed.worker && record.at >= killed.at ? [record] : [],
      );
      expect(stalls).toHaveLength(1);
      expect(killed.at - stalls[0]!.from).toBeGreaterThan(100);
    },
  );
});

describe('a node behind a fault proxy', () => {
  let node: FaultNode;
  let stop: () => Promise<void>;
  let proxy: FaultProxy;
  let client: Redis;
  let other: Redis;

  beforeEach(async () => {
    const started = await startNodes(1);
    node = started.nodes[0]!;
    stop = started.stop;
    proxy = await new FaultProxy({ path: node.server.path }).listen();
    const connect = (connectionName: string): Redis =>
      new Redis({
        host: '127.0.0.1',
        port: proxy.port,
        connectionName,
        autoResendUnfulfilledCommands: false,
      });
    client = connect('a');
    other = connect('b');
    for (const one of [client, other]) one.on('error', () => undefined);
    await Promise.all([client.ping(), other.ping()]);
  });

  afterEach(async () => {
    client.disconnect();
    other.disconnect();
    await proxy.close();
    await stop();
  });

  const onNode = (key: string): Promise<string | null> => node.server.client().get(key);

  it('the proxy holds the requests of a client and delivers them late', async () => {
    proxy.set('a', { hold: 'requests' });
    const reply = client.set('k', '1');
    await other.set('k', '0');
    expect(await onNode('k')).toBe('0');
    proxy.set('a', {});
    expect(await reply).toBe('OK');
    expect(await onNode('k')).toBe('1');
  });

  it('the proxy delivers what a client had sent before it disconnected', async () => {
    proxy.set('a', { hold: 'both' });
    client.set('k', 'ghost').catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    client.disconnect();
    await other.set('k', '0');
    proxy.set('a', {});
    await until(async () => (await onNode('k')) === 'ghost');
  });

  it('the proxy loses the replies of one client only, and then breaks its connection', async () => {
    proxy.set('a', { loseReplies: true });
    let answered = false;
    // Without resending, ioredis never settles commands whose connection broke.
    client.set('k', '1').then(
      () => (answered = true),
      () => undefined,
    );
    await until(async () => (await onNode('k')) === '1');
    expect(await other.get('k')).toBe('1');
    proxy.set('a', {});
    await until(() => client.status !== 'ready');
    expect(answered).toBe(false);
  });

  it('the proxy refuses one client until its link is healthy again', async () => {
    proxy.set('a', { refuse: true });
    await until(() => client.status === 'reconnecting');
    expect(await other.ping()).toBe('PONG');
    proxy.set('a', {});
    await until(() => client.status === 'ready');
  });

  it('the proxy delays both directions', async () => {
    proxy.set('a', { latencyMs: 40 });
    const startedAt = performance.now();
    await client.ping();
    expect(performance.now() - startedAt).toBeGreaterThan(75);
  });

  it('a node restarts after a crash with its data, without, or with an old backup', async () => {
    await client.set('k', '1');
    await node.backUp();
    await client.set('k', '2');
    await node.kill();
    expect(node.answers).toBe(false);
    await node.start('kept');
    expect(await onNode('k')).toBe('2');
    await node.kill();
    await node.start('old');
    expect(await onNode('k')).toBe('1');
    await node.kill();
    await node.start('lost');
    expect(await onNode('k')).toBeNull();
  });

  it('a node lists its string keys, read without the proxy', async () => {
    await client.set('lock:a', 'v', 'PX', 60_000);
    await client.hset('lock:b', 'n', '1');
    expect(await node.locks('lock:*')).toMatchObject([{ key: 'lock:a', value: 'v' }]);
    node.pause();
    expect(await node.locks('lock:*')).toBeUndefined();
    node.resume();
  });

  // The set-up and `npm run faults` both warn if clocks cannot be stepped.
  (canStepClocks ? it : it.failing)(
    'the clock of a node can be stepped, and its keys expire by it',
    async () => {
      expect(canStepClocks).toBe(true);
      await client.set('k', '1', 'PX', 60_000);
      await node.stepClock(50_000);
      expect(await client.pttl('k')).toBeLessThan(10_001);
      const seconds = async (): Promise<number> => Number((await client.time())[0]);
      expect(Math.round((await seconds()) - Date.now() / 1_000)).toBeGreaterThan(45);
      await node.stepClock(-50_000);
      expect(Math.abs((await seconds()) - Date.now() / 1_000)).toBeLessThan(5);
    },
  );
});
