import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { currentLease, LockManager, memoryNode, type Lease, type LockNode } from '../../src/index.js';
import { DistributedLock } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { closedDoor, start } from './support.js';

@Injectable()
class Tasks {
  lease: Lease | undefined;
  door = closedDoor();

  @DistributedLock({ key: 'job' })
  async job(): Promise<string> {
    this.lease = currentLease();
    await this.door.promise;
    return 'done';
  }

  @DistributedLock({ key: 'other' })
  async other(): Promise<string> {
    return 'done';
  }

  /** A job that stops when its signal aborts. */
  @DistributedLock({ key: 'polite' })
  async polite(): Promise<string> {
    const { signal } = (this.lease = currentLease()!);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    return 'stopped';
  }
}

async function worker(drainMs: number, node: LockNode = memoryNode()) {
  const application = await start({ providers: [Tasks] }, { nodes: [node], drainMs });
  return { ...application, tasks: application.app.get(Tasks), locks: application.app.get(LockManager) };
}

const ownerOf = async (node: LockNode): Promise<unknown> => {
  const [seen] = await node.inspect(['job']);
  return seen?.kind === 'inspected' ? seen.owner : seen;
};

afterEach(() => {
  jest.restoreAllMocks();
});

describe('app.close(), with no shutdown hooks enabled', () => {
  it('app.close() waits for a running job, begins no other, and releases', async () => {
    const node = memoryNode();
    const { app, tasks, log, events } = await worker(30_000, node);
    const running = tasks.job();
    await until(() => tasks.lease);
    const closing = app.close();
    await until(() => app.get(LockManager).closed);
    expect(await tasks.other()).toBeUndefined();
    expect(log.of('DistributedLock', 'log')).toContain('Skipping execution - shutting down: other');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'skipped', name: 'other', reason: 'draining' }),
    );
    expect(tasks.lease!.signal.aborted).toBe(false);
    tasks.door.open();
    expect(await running).toBe('done');
    await closing;
    expect(await ownerOf(node)).toBeUndefined();
    expect(events.filter(({ type }) => type === 'lost')).toEqual([]);
  });

  it('app.close() aborts the signal of a job that does not end in time, and releases its lock', async () => {
    const node = memoryNode();
    const { app, tasks } = await worker(20, node);
    const running = tasks.polite();
    const outcome = running.catch((error: unknown) => error);
    await until(() => tasks.lease);
    await app.close();
    expect(tasks.lease!.signal.aborted).toBe(true);
    expect(await outcome).toMatchObject({ code: 'LEASE_LOST', reason: 'closed' });
    expect(await ownerOf(node)).toBeUndefined();
  });

  it('app.close() does not end the process', async () => {
    const exit = jest.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const { app } = await worker(0);
    await app.close();
    expect(exit).not.toHaveBeenCalled();
  });
});
