import { describe, expect, it } from '@jest/globals';
import { Injectable, NotFoundException } from '@nestjs/common';
import { currentLease, memoryNode } from '../../src/index.js';
import { DistributedLock } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { closedDoor, start } from './support.js';

describe('a decorated method', () => {
  @Injectable()
  class Tasks {
    runs: string[] = [];
    doors = [closedDoor()];

    @DistributedLock({ key: 'job', ttl: 30 })
    async job(): Promise<string> {
      this.runs.push('job');
      await this.doors[0]!.promise;
      return 'done';
    }

    @DistributedLock()
    async unnamed(): Promise<readonly string[]> {
      return currentLease()!.resources;
    }

    @DistributedLock({ key: (user: string) => `user:${user}` })
    async sync(user: string, amount: number): Promise<string> {
      await this.doors[0]!.promise;
      return `${currentLease()!.resources[0]} ${user} ${amount}`;
    }

    @DistributedLock({
      async key(this: Tasks, id: number) {
        await this.doors[0]!.promise;
        return `async:${id}`;
      },
    })
    async later(_id: number): Promise<readonly string[]> {
      return currentLease()!.resources;
    }

    @DistributedLock({ key: 'fails' })
    async fails(): Promise<never> {
      throw new NotFoundException('no such user');
    }

    @DistributedLock({ key: 'bad-key', retries: 0 })
    async nested(): Promise<string> {
      return this.inner();
    }

    @DistributedLock({ key: 'bad-key' })
    async inner(): Promise<string> {
      return 'inner';
    }

    @DistributedLock({ key: () => '' })
    async empty(): Promise<void> {
      this.runs.push('empty');
    }
  }

  const tasksOn = async (
    nodes = [memoryNode()],
  ): Promise<{ tasks: Tasks } & Awaited<ReturnType<typeof start>>> => {
    const application = await start({ providers: [Tasks] }, { nodes });
    return { tasks: application.app.get(Tasks), ...application };
  };

  it('a decorated method runs and returns its result; while the lock is held it is skipped', async () => {
    const nodes = [memoryNode()];
    const [first, second] = [await tasksOn(nodes), await tasksOn(nodes)];
    const running = first.tasks.job();
    await until(() => first.tasks.runs.length === 1);
    expect(await second.tasks.job()).toBeUndefined();
    expect(second.tasks.runs).toEqual([]);
    first.tasks.doors[0]!.open();
    expect(await running).toBe('done');
    second.tasks.doors[0]!.open();
    expect(await second.tasks.job()).toBe('done');
  });

  it('a decorated method without a key is locked by its application, class and name', async () => {
    const { tasks } = await tasksOn();
    expect(await tasks.unnamed()).toEqual(['tests:Tasks.unnamed']);
  });

  it('a key function makes the key from the arguments; the label is the name of the method', async () => {
    const { tasks, events } = await tasksOn();
    tasks.doors[0]!.open();
    expect(await tasks.sync('ann', 7)).toBe('user:ann ann 7');
    expect(await tasks.later(7)).toEqual(['async:7']);
    const labels = events.flatMap((event) => (event.type === 'acquired' ? [event.name] : []));
    expect(labels).toEqual(['Tasks.sync', 'Tasks.later']);
  });

  it('calls with different keys run at the same time', async () => {
    const { tasks } = await tasksOn();
    const calls = [tasks.sync('ann', 1), tasks.sync('bob', 2), tasks.sync('ann', 3)];
    expect(await calls[2]).toBeUndefined();
    tasks.doors[0]!.open();
    expect(await Promise.all(calls)).toEqual(['user:ann ann 1', 'user:bob bob 2', undefined]);
  });

  it('decorated methods declare their locks when the application starts', async () => {
    const { events } = await tasksOn();
    const declared = events.flatMap((event) => (event.type === 'declared' ? [event.name] : []));
    expect(declared).toEqual([
      'job',
      'Tasks.unnamed',
      'Tasks.sync',
      'Tasks.later',
      'fails',
      'bad-key',
      'Tasks.empty',
    ]);
  });

  it('an error of a decorated method is passed on: a NotFoundException keeps its status', async () => {
    const { tasks, log } = await tasksOn();
    const error = await tasks.fails().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundException);
    expect((error as NotFoundException).getStatus()).toBe(404);
    expect(log.of('DistributedLock', 'error')).toEqual([]);
  });

  it('a decorated method runs under the lease of its caller if the key is the same', async () => {
    const { tasks } = await tasksOn();
    expect(await tasks.nested()).toBe('inner');
  });

  it('a decorated method does not run with an empty key, and rejects', async () => {
    const { tasks } = await tasksOn();
    await expect(tasks.empty()).rejects.toThrow('the key of Tasks.empty must have 1 to 512 bytes, got 0');
    expect(tasks.runs).toEqual([]);
  });

  it('an instance with decorated methods has no additional key', async () => {
    const { tasks } = await tasksOn();
    expect(Reflect.ownKeys(tasks)).toEqual(['runs', 'doors']);
  });
});
