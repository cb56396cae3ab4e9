import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable } from '@nestjs/common';
import { currentLease, LeaseLostError, LockManager, memoryNode, type Lease } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { closedDoor, fragileNode, listen, start, type Application } from './support.js';

@Injectable()
class Tasks {
  door = closedDoor();
  nested: Promise<string> | undefined;
  leases: (Lease | undefined)[] = [];

  /** Calls a method with the same key and does not await it. */
  @DistributedLock({ key: 'job', ttl: 0.3 })
  async outer(): Promise<string> {
    this.leases.push(currentLease());
    this.nested = this.inner();
    this.nested.catch(() => undefined);
    return 'outer';
  }

  @DistributedLock({ key: 'job', ttl: 0.3 })
  async inner(): Promise<string> {
    this.leases.push(currentLease());
    await this.door.promise;
    return 'inner';
  }
}

@Controller()
class Jobs {
  constructor(private readonly tasks: Tasks) {}

  @Get('job')
  @LockedHandler({ key: 'job', ttl: 30 })
  async job(): Promise<string> {
    return this.tasks.outer();
  }
}
Reflect.defineMetadata('design:paramtypes', [Tasks], Jobs);

const releasedIn = ({ events }: Application): number =>
  events.filter(({ type }) => type === 'released').length;

describe('a locked method that is called inside its own lock and not awaited', () => {
  it('a nested call that is not awaited keeps the lock until it ends, and the outer caller has its answer before', async () => {
    const node = memoryNode();
    const worker = await start({ providers: [Tasks] }, { nodes: [node] });
    const other = await start({ providers: [Tasks] }, { nodes: [node] });
    const tasks = worker.app.get(Tasks);
    expect(await tasks.outer()).toBe('outer');
    expect(await other.app.get(Tasks).outer()).toBeUndefined();
    expect(releasedIn(worker)).toBe(0);
    tasks.door.open();
    expect(await tasks.nested).toBe('inner');
    expect(releasedIn(worker)).toBe(1);
    expect(tasks.leases[0]).toBe(tasks.leases[1]);
    other.app.get(Tasks).door.open();
    expect(await other.app.get(Tasks).outer()).toBe('outer');
  });

  it('a nested call rejects when the lease is lost, and an error is logged', async () => {
    const node = fragileNode();
    const { app, log } = await start({ providers: [Tasks] }, { nodes: [node] });
    const tasks = app.get(Tasks);
    expect(await tasks.outer()).toBe('outer');
    node.reachable = false;
    await until(() => tasks.leases[0]?.signal.aborted);
    tasks.door.open();
    await expect(tasks.nested).rejects.toBeInstanceOf(LeaseLostError);
    expect(log.of('DistributedLock', 'error')).toEqual([
      expect.stringMatching(/^Lock lost while running, the run does not count as a success: /),
    ]);
  });

  it('a nested call may outlive the application, and then rejects', async () => {
    const { app, events } = await start({ providers: [Tasks] });
    const tasks = app.get(Tasks);
    await tasks.outer();
    await app.close();
    expect(events).toContainEqual(expect.objectContaining({ type: 'lost', reason: 'closed' }));
    tasks.door.open();
    await expect(tasks.nested).rejects.toMatchObject({ code: 'LEASE_LOST', reason: 'closed' });
  });

  it('a nested call keeps the lock of its handler, and the client has its answer before', async () => {
    const application = await start({ controllers: [Jobs], providers: [Tasks] });
    const url = `${await listen(application)}/job`;
    expect(await (await fetch(url)).text()).toBe('outer');
    expect((await fetch(url)).status).toBe(409);
    expect(await application.app.get(LockManager).tryAcquire('job')).toBeNull();
    application.app.get(Tasks).door.open();
    await until(() => releasedIn(application) === 1);
    expect((await fetch(url)).status).toBe(200);
  });
});
