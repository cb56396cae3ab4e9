import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

type Package = typeof import('../../../src/index.js');

describe('two copies of the package in one process', () => {
  let first: Package;
  let second: Package;
  let locks: InstanceType<Package['LockManager']>;

  beforeAll(async () => {
    first = await import('../../../src/index.js');
    jest.resetModules();
    second = await import('../../../src/index.js');
    locks = new first.LockManager({ nodes: [first.memoryNode()] });
  });

  afterAll(() => locks.close());

  it('the copies have a currentLease() of their own', () => {
    expect(first.currentLease).not.toBe(second.currentLease);
  });

  it('currentLease() of one copy is the lease of withLock of the other copy', async () => {
    await locks.withLock('report', async (lease) => {
      expect(first.currentLease()).toBe(lease);
      await Promise.resolve();
      expect(second.currentLease()).toBe(lease);
    });
    expect(second.currentLease()).toBeUndefined();
  });

  it('a lease of one copy is not joined by the same resource of a manager of the other copy', async () => {
    const others = new second.LockManager({ nodes: [second.memoryNode()] });
    await locks.withLock('report', async (outer) => {
      await others.withLock('report', async (inner) => {
        expect(inner).not.toBe(outer);
        expect(first.currentLease()).toBe(inner);
      });
      expect(second.currentLease()).toBe(outer);
    });
    await others.close();
  });
});
