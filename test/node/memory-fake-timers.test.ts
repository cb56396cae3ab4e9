import { mock } from 'node:test';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { LockManager, memoryNode, type LockNode } from '../../src/index.js';

const realTimeout = setTimeout;

/** The result, or `hangs` after a second of real time. */
const within = <T>(promise: Promise<T>): Promise<T | 'hangs'> =>
  Promise.race([promise, new Promise<'hangs'>((resolve) => realTimeout(resolve, 1_000, 'hangs'))]);

const open: LockManager[] = [];

const managerOf = (node: LockNode = memoryNode()): LockManager => {
  const locks = new LockManager({ nodes: [node], warn: () => undefined });
  open.push(locks);
  return locks;
};

afterEach(async () => {
  jest.useRealTimers();
  mock.timers.reset();
  await Promise.all(open.splice(0).map((locks) => locks.close()));
});

describe.each<[string, () => void]>([
  ['all that Jest fakes', () => void jest.useFakeTimers()],
  ['the legacy fakes of Jest', () => void jest.useFakeTimers({ legacyFakeTimers: true })],
  [
    'the mock timers of node:test',
    () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] }),
  ],
])('memoryNode() under fake timers: %s', (_name, fake) => {
  it('a lock is acquired and released', async () => {
    fake();
    const locks = managerOf();
    expect(await within(locks.withLock('a', async ({ token }) => typeof token))).toBe('number');
    expect(await within(locks.inspect('a').then(({ status }) => status))).toBe('free');
  });

  it('a lock is acquired by a manager that was made before the timers were faked', async () => {
    const locks = managerOf();
    fake();
    expect(await within(locks.withLock('a', async () => 'ran'))).toBe('ran');
  });

  it('a held lock is refused at once', async () => {
    fake();
    const node = memoryNode();
    const [locks, others] = [managerOf(node), managerOf(node)];
    const lease = await locks.acquire('a');
    expect(await within(locks.tryAcquire('a'))).toBeNull();
    expect(await within(others.tryAcquire('a'))).toBeNull();
    await within(lease.release());
    expect(await within(others.withLock('a', async () => 'ran'))).toBe('ran');
  });

  it('a call that waits gets the lock when it is released, in the same manager and in another one', async () => {
    fake();
    const node = memoryNode();
    const [locks, others] = [managerOf(node), managerOf(node)];
    const lease = await locks.acquire('a');
    const waiting = [locks, others].map((one) => one.withLock('a', { waitMs: 10_000 }, async () => 'ran'));
    await Promise.resolve();
    await within(lease.release());
    expect(await within(Promise.all(waiting))).toEqual(['ran', 'ran']);
  });

  it('close() ends', async () => {
    fake();
    const locks = managerOf();
    await locks.acquire('a');
    expect(await within(locks.close().then(() => 'closed'))).toBe('closed');
  });
});
