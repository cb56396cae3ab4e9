import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, type ModuleMetadata } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { LockManager, type LockEvent } from '../../src/index.js';
import {
  DistributedLock,
  getLockManagerToken,
  InjectLockManager,
  LockHealthIndicator,
  QuorlockModule,
  type QuorlockModuleOptions,
} from '../../src/nestjs/index.js';
import { systemClock, testLocks } from '../../src/testing/index.js';
import { Log } from './support.js';

@Injectable()
class Jobs {
  ran = 0;

  constructor(
    readonly byClass: LockManager,
    @InjectLockManager() readonly byToken: LockManager,
  ) {}

  @DistributedLock({ key: 'report', ttl: 3_600 })
  async report(): Promise<string> {
    this.ran++;
    return 'sent';
  }

  @Cron('*/10 * * * * *')
  @DistributedLock({ key: 'tick' })
  async tick(): Promise<void> {
    this.ran++;
  }
}

const open: TestingModule[] = [];

afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((module) => module.close()));
});

/** An application as it is in production: nobody answers at its nodes. */
const application = (options: QuorlockModuleOptions = {}): ModuleMetadata => ({
  imports: [QuorlockModule.forRoot({ nodes: ['redis://127.0.0.1:1'], app: 'tests', drainMs: 0, ...options })],
  providers: [Jobs],
});

async function startWith(manager: unknown, metadata = application()): Promise<{ jobs: Jobs; log: Log }> {
  const log = new Log();
  const module = await Test.createTestingModule(metadata)
    .overrideProvider(LockManager)
    .useValue(manager)
    .setLogger(log)
    .compile();
  open.push(module);
  await module.init();
  return { jobs: module.get(Jobs), log };
}

describe('overrideProvider(LockManager)', () => {
  it('decorated methods, both ways of injection and the health indicator get the manager of the test', async () => {
    const locks = testLocks();
    const { jobs } = await startWith(locks.manager);
    expect(jobs.byClass).toBe(locks.manager);
    expect(jobs.byToken).toBe(locks.manager);
    expect(await jobs.report()).toBe('sent');
    expect(locks.callsOf('report')).toMatchObject([{ name: 'report', state: 'released', ran: true }]);
    expect(await open[0]!.get(LockHealthIndicator).check('locks')).toMatchObject({ locks: { status: 'up' } });
  });

  it('a method whose lock is held, or whose nodes cannot be reached, is skipped, with its line in the log', async () => {
    const locks = testLocks();
    const { jobs, log } = await startWith(locks.manager);
    const other = await locks.hold('report', { owner: 'web-2' });
    expect(await jobs.report()).toBeUndefined();
    await other.release();
    await locks.unreachable();
    expect(await jobs.report()).toBeUndefined();
    expect(jobs.ran).toBe(0);
    expect(locks.callsOf('report')).toMatchObject([
      { state: 'skipped', reason: 'held', owner: 'web-2' },
      { state: 'failed', reason: 'unreachable' },
    ]);
    expect(log.of('DistributedLock')).toContain('Skipping execution - lock held by another instance: report');
  });

  it('the listeners of the module hear the manager of the test', async () => {
    const events: LockEvent['type'][] = [];
    const listeners = [({ type }: LockEvent) => void events.push(type)];
    const { jobs } = await startWith(testLocks().manager, application({ listeners }));
    await jobs.report();
    expect(events).toEqual(expect.arrayContaining(['acquired', 'released']));
  });

  it('a mock that lacks methods of a LockManager is refused, and what to give instead is said', async () => {
    await expect(startWith({ withLock: jest.fn() })).rejects.toThrow(
      /^what overrides LockManager lacks acquire, .*: give it testLocks\(\)\.manager of quorlock\/testing/,
    );
    await expect(startWith(null)).rejects.toThrow('what overrides LockManager lacks');
  });

  it('an override by the token alone is refused, because others would lock elsewhere', async () => {
    const { manager } = testLocks();
    const building = Test.createTestingModule(application())
      .overrideProvider(getLockManagerToken())
      .useValue(manager)
      .compile();
    await expect(building).rejects.toThrow('use overrideProvider(LockManager)');
  });

  it('a module with a name is overridden by its token', async () => {
    const locks = testLocks();
    const module = await Test.createTestingModule({
      imports: [QuorlockModule.forRoot({ name: 'billing', nodes: ['redis://127.0.0.1:1'] })],
    })
      .overrideProvider(getLockManagerToken('billing'))
      .useValue(locks.manager)
      .compile();
    open.push(module);
    expect(module.get(getLockManagerToken('billing'))).toBe(locks.manager);
  });
});

describe('cron jobs under the fake timers of Jest', () => {
  it('each tick runs once, and not while another worker holds its lock', async () => {
    jest.useFakeTimers({ now: Date.UTC(2026, 0, 1, 12) });
    const locks = testLocks({ clock: systemClock });
    const metadata = application();
    const { jobs } = await startWith(locks.manager, {
      ...metadata,
      imports: [...metadata.imports!, ScheduleModule.forRoot()],
    });
    await jest.advanceTimersByTimeAsync(30_500);
    expect(jobs.ran).toBe(3);
    const other = await locks.hold('tick');
    await jest.advanceTimersByTimeAsync(10_000);
    await other.release();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(jobs.ran).toBe(4);
    const ticks = [10, 20, 30, undefined, 50].map((second) =>
      second === undefined ? undefined : Date.UTC(2026, 0, 1, 12, 0, second),
    );
    expect(locks.callsOf('tick').map(({ tick }) => tick)).toEqual(ticks);
    expect(locks.callsOf('tick')[3]).toMatchObject({ state: 'skipped', reason: 'held' });
  });
});
