import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { LockManager, memoryNode, type NodeSource } from 'quorlock';
import { FileNode } from '../../examples/file-node/file-node.js';
import { startChild } from '../support/child.js';
import { describeContract } from './contract.js';

const folder = mkdtempSync(join(tmpdir(), 'quorlock-file-node-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
const newPath = (): string => join(folder, `${++made}.json`);

describeContract('a node in a file, which knows nothing but quorlock/node', {
  open: () => Promise.resolve({ node: new FileNode(newPath()) }),
});

const open: LockManager[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((locks) => locks.close()));
});

function manager(nodes: readonly NodeSource[]): LockManager {
  const locks = new LockManager({ nodes, warn: () => undefined, nodeTimeoutMs: 2_000, ttlMs: 10_000 });
  open.push(locks);
  return locks;
}

const outcomeOf = (acquiring: Promise<unknown>): Promise<string> =>
  acquiring.then(
    () => 'granted',
    ({ code, reason }: { code: string; reason: string }) => `${code} ${reason}`,
  );

describe('a lock manager with nodes in files', () => {
  it('excludes another manager, hands over to it on release, and gives growing tokens', async () => {
    const paths = [newPath(), newPath(), newPath()];
    const [one, other] = [paths, paths].map((all) => manager(all.map((path) => new FileNode(path))));
    const lease = await one!.acquire('invoice:7');
    expect(await outcomeOf(other!.acquire('invoice:7'))).toBe('LOCK_NOT_ACQUIRED held');
    expect(await one!.inspect('invoice:7')).toMatchObject({ status: 'held' });
    await lease.extend();
    const waiting = other!.acquire('invoice:7', { waitMs: 60_000, retryDelayMs: 10 });
    await lease.release();
    const next = await waiting;
    expect(next.token).toBeGreaterThan(lease.token);
    await next.release();
  });

  it('excludes another process', async () => {
    const path = newPath();
    const locks = manager([new FileNode(path)]);
    const lease = await locks.acquire('invoice:7');
    const child = startChild(new URL('./file-node-child.ts', import.meta.url), { args: [path] });
    expect(await child.message((message) => typeof message === 'string')).toBe('LOCK_NOT_ACQUIRED held');
    await child.exit;
    await lease.release();
    expect(await outcomeOf(locks.acquire('invoice:7'))).toBe('granted');
  });

  it('works with one node in a file and two in memory, and does without the file', async () => {
    const path = newPath();
    const inMemory = [memoryNode({ name: 'a' }), memoryNode({ name: 'b' })];
    const [one, other] = [1, 2].map(() => manager([new FileNode(path), ...inMemory]));
    const lease = await one!.acquire('invoice:7');
    expect(await outcomeOf(other!.acquire('invoice:7'))).toBe('LOCK_NOT_ACQUIRED held');
    await lease.release();
    // A process that was killed has left it behind.
    writeFileSync(`${path}.lock`, '');
    expect(await outcomeOf(other!.acquire('invoice:7'))).toBe('granted');
  });

  it('refuses the same file twice, by its address', () => {
    const path = newPath();
    expect(() => manager([new FileNode(path), new FileNode(path)])).toThrow(
      /nodes\[0\] and nodes\[1\] are the same server/,
    );
  });

  it('refuses a node that lacks a method, and one without a name', () => {
    const node = new FileNode(newPath());
    const { ask, onStateChange } = node;
    expect(() => manager([{ ask, onStateChange, name: 'n', address: 'n' }])).toThrow(
      'nodes[0] is a node without the method inspect, close',
    );
    expect(() => manager([Object.assign(node, { name: '' })])).toThrow('nodes[0] is a node whose name');
  });
});
