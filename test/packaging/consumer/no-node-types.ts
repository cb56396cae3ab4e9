// Compiled without the types of Node and with the default `lib`: what these subpaths need they bring along.
import { LockManager, memoryNode } from 'quorlock';
import { onceAcrossWorkers } from 'quorlock/cron';
import { lockNodeContract } from 'quorlock/node';
import { coordinator } from 'quorlock/node-cron';
import { testLocks } from 'quorlock/testing';

export const entryPoints = [onceAcrossWorkers, lockNodeContract, coordinator, testLocks];

export async function tokenOf(resource: string): Promise<number> {
  await using locks = new LockManager({ nodes: [memoryNode()] });
  await using lease = await locks.acquire(resource);
  return lease.token;
}
