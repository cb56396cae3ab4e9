import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { describe, expect, it } from '@jest/globals';
import { currentLease, LockManager, memoryNode } from '../../src/index.js';
import {
  DistributedLock,
  getLeaderElectionToken,
  LeaderElection,
  RunOnLeader,
  unlocked,
} from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { start } from './support.js';

@Injectable()
class Outbox {
  readonly sent: (number | undefined)[] = [];

  constructor(readonly leaders: LeaderElection) {}

  @RunOnLeader('outbox', { ttl: '15s' })
  async send(step: number): Promise<number> {
    this.sent.push(currentLease()?.token);
    return step + 1;
  }

  @RunOnLeader('outbox', { ttl: 15 })
  @DistributedLock({ key: 'nightly' })
  async nightly(): Promise<string> {
    return currentLease()!.resources.join();
  }

  @RunOnLeader('outbox', { ttl: '15s' })
  async fail(): Promise<void> {
    throw new Error('of the method');
  }
}

/** Two applications on the same node. */
async function startTwo() {
  const nodes = [memoryNode()];
  const one = await start({ providers: [Outbox] }, { nodes, holder: 'one' });
  await until(() => one.app.get(LeaderElection).isLeader('outbox'));
  const two = await start({ providers: [Outbox] }, { nodes, holder: 'two' });
  await until(() => two.events.some(({ type }) => type === 'waiting'));
  return { one, two };
}

describe('@RunOnLeader', () => {
  it('runs on the leader only, under its lease, and on the next one when that ends', async () => {
    const { one, two } = await startTwo();
    expect(await one.app.get(Outbox).send(1)).toBe(2);
    expect(await two.app.get(Outbox).send(1)).toBeUndefined();
    const [token] = one.app.get(Outbox).sent;
    expect(one.log.of('DistributedLock')).toContain(`Elected as the leader: outbox (token ${token})`);
    await expect(one.app.get(Outbox).fail()).rejects.toThrow('of the method');
    expect(await two.app.get(Outbox).fail()).toBeUndefined();
    await one.app.close();
    // Nest has one logger in a process: that of the latest application.
    expect(two.log.of('DistributedLock')).toContain('No longer the leader: outbox');
    await until(() => two.app.get(LeaderElection).isLeader('outbox'));
    expect(await two.app.get(Outbox).send(7)).toBe(8);
    expect(two.app.get(Outbox).sent[0]).toBeGreaterThan(token!);
    expect(await one.app.get(Outbox).send(1)).toBeUndefined();
  });

  it('stands beside @DistributedLock', async () => {
    const { one, two } = await startTwo();
    expect(await one.app.get(Outbox).nightly()).toBe('nightly');
    expect(await two.app.get(Outbox).nightly()).toBeUndefined();
    expect(unlocked(one.app.get(Outbox).nightly)).not.toBe(one.app.get(Outbox).nightly);
  });

  it('keeps the metadata of @Cron', async () => {
    @Injectable()
    class Jobs {
      runs = 0;
      @RunOnLeader('jobs')
      @Cron('* * * * * *')
      async everySecond(): Promise<void> {
        this.runs++;
      }
    }
    const { app } = await start({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });
    await until(() => app.get(Jobs).runs > 0);
    expect(app.get(LeaderElection).isLeader('jobs')).toBe(true);
  });

  it('stands for the elections of its own module, by name, and although the module is lazy', async () => {
    @Injectable()
    class Billing {
      @RunOnLeader('billing', { locks: 'billing' })
      async run(): Promise<string> {
        return 'ran';
      }
    }
    const { app } = await start(
      { providers: [Billing] },
      { name: 'billing', nodes: [memoryNode()], lazyConnect: true },
    );
    const leaders = app.get<LeaderElection>(getLeaderElectionToken('billing'));
    await until(() => leaders.isLeader('billing'));
    expect(await app.get(Billing).run()).toBe('ran');
  });

  it('takes the ttl of an election from the method that has one, wherever it stands', async () => {
    class Before {
      @RunOnLeader('both')
      async run(): Promise<void> {}
    }
    class With {
      @RunOnLeader('both', { ttl: '15s' })
      async remaining(): Promise<number> {
        return currentLease()!.remainingMs();
      }
    }
    class After {
      @RunOnLeader('both')
      async run(): Promise<void> {}
    }
    const { app } = await start({ providers: [Before, With, After] }, { nodes: [memoryNode()] });
    await until(() => app.get(LeaderElection).isLeader('both'));
    expect(await app.get(With).remaining()).toBeLessThanOrEqual(15_000);
  });

  it.each<[string, () => unknown, string]>([
    [
      'another ttl for the same election',
      () => {
        class Other {
          @RunOnLeader('outbox', { ttl: 30 })
          async run(): Promise<void> {}
        }
        return start({ providers: [Outbox, Other] });
      },
      'Other.run: ttl (30 s) of the election "outbox" must be that of Outbox.send (15 s)',
    ],
    [
      'an option that does not exist',
      () => RunOnLeader('a', { ttlMs: 7 } as object)({}, 'run', { value: async () => undefined }),
      '@RunOnLeader on Object.run: unknown option "ttlMs"',
    ],
    [
      'a name that is no resource',
      () => RunOnLeader('')({}, 'run', { value: async () => undefined }),
      '@RunOnLeader on Object.run: the name of the election must have 1 to 512 bytes, got 0',
    ],
  ])('refuses %s', async (_, take, message) => {
    await expect(async () => take()).rejects.toThrow(message);
  });

  it('fails closed on an instance without a lock service', async () => {
    await expect(new Outbox(undefined as never).send(1)).rejects.toThrow('has no lock service');
  });
});

describe('LeaderElection', () => {
  it('tells changes as an Observable, and stands for an election that no method has', async () => {
    const nodes = [memoryNode()];
    const other = new LockManager({ nodes });
    const lease = await other.acquire('reports');
    const { app } = await start({}, { nodes });
    const seen: (boolean | string)[] = [];
    app
      .get(LeaderElection)
      .leader$('reports')
      .subscribe({ next: (isLeader) => seen.push(isLeader), complete: () => seen.push('complete') });
    expect(seen).toEqual([false]);
    await lease.release();
    await until(() => seen.length === 2);
    await app.close();
    await until(() => seen.includes('complete'));
    expect(seen).toEqual([false, true, false, 'complete']);
    const late: unknown[] = [];
    app
      .get(LeaderElection)
      .leader$('late')
      .subscribe({ next: (value) => late.push(value), complete: () => late.push('complete') });
    expect(late).toEqual(['complete']);
    await other.close();
  });
});

describe('the options of the module', () => {
  @Injectable()
  class Short {
    @RunOnLeader('short', { ttl: '300ms' })
    async send(): Promise<string> {
      return 'sent';
    }
  }

  it('leave room for a short ttl: it shortens the node timeout', async () => {
    const { app } = await start({ providers: [Short] }, { nodes: [memoryNode()], nodeTimeoutMs: 250 });
    await until(() => app.get(LeaderElection).isLeader('short'));
    expect(await app.get(Short).send()).toBe('sent');
  });

  it('stop the start where the longest hold is below the ttl', async () => {
    const options = { nodes: [memoryNode()], maxHoldMs: 1_000, ttlMs: 500 };
    const started = start({ providers: [Outbox] }, options);
    await expect(started).rejects.toThrow('Outbox.send: maxHold (1 s) must not be below ttl (15 s)');
  });
});
