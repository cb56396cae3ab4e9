import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ConsoleLogger, Injectable, Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { lastValueFrom, NEVER, type Observable } from 'rxjs';
import {
  currentLease,
  LeaseLostError,
  LockNotAcquiredError,
  LockManager,
  LockManagerClosedError,
  memoryNode,
  QuorumUnreachableError,
  type Lease,
} from '../../src/index.js';
import { DistributedLock, QuorlockModule } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { fragileNode, closedDoor, Log, start, type Application } from './support.js';

@Injectable()
class Tasks {
  runs = 0;
  lease: Lease | undefined;
  door = closedDoor();

  @DistributedLock({ key: 'skips' })
  async skips(): Promise<string> {
    return this.body();
  }

  @DistributedLock({ key: 'short', ttl: 0.3 })
  async short(): Promise<string> {
    return this.body();
  }

  @DistributedLock({ key: 'unfinished', ttl: 0.3 })
  async unfinished(): Promise<Observable<string>> {
    return NEVER;
  }

  @DistributedLock({ key: 'throws', onHeld: 'throw' })
  async throws(): Promise<string> {
    return this.body();
  }

  @DistributedLock({ key: 'waits', onHeld: 'wait', wait: 30, retryDelay: 5 })
  async waits(): Promise<string> {
    return this.body();
  }

  @DistributedLock({ key: () => 'waits', onHeld: 'wait', wait: '20ms', retryDelay: 5 })
  async waitsBriefly(): Promise<string> {
    return this.body();
  }

  @DistributedLock({ key: 'retries', retries: 1_000, retryDelay: 5 })
  async retries(): Promise<string> {
    return this.body();
  }

  @DistributedLock({ key: (user: string) => `user:${user}` })
  async dynamic(_user: string): Promise<void> {}

  async body(): Promise<string> {
    this.runs++;
    this.lease = currentLease();
    await this.door.promise;
    return 'done';
  }
}

const tasksOf = ({ app }: Pick<Application, 'app'>): Tasks => app.get(Tasks);

/** Two workers that lock on the same node. */
async function workers(node = memoryNode()): Promise<[Application, Application]> {
  return [
    await start({ providers: [Tasks] }, { nodes: [node] }),
    await start({ providers: [Tasks] }, { nodes: [node] }),
  ];
}

describe('a call that finds the lock held', () => {
  it('a call that finds the lock held rejects with LockNotAcquiredError if onHeld is throw', async () => {
    const [first, second] = await workers();
    const running = tasksOf(first).throws();
    await until(() => tasksOf(first).runs === 1);
    const refusal = tasksOf(second).throws();
    await expect(refusal).rejects.toBeInstanceOf(LockNotAcquiredError);
    await expect(refusal).rejects.toMatchObject({ reason: 'held' });
    tasksOf(first).door.open();
    await running;
    expect(tasksOf(second).runs).toBe(0);
  });

  it('a call that finds the lock held waits if onHeld is wait, and then rejects', async () => {
    const [first, second] = await workers();
    const running = tasksOf(first).waits();
    await until(() => tasksOf(first).runs === 1);
    await expect(tasksOf(second).waitsBriefly()).rejects.toBeInstanceOf(LockNotAcquiredError);
    const waiting = tasksOf(second).waits();
    tasksOf(first).door.open();
    tasksOf(second).door.open();
    expect(await Promise.all([running, waiting])).toEqual(['done', 'done']);
  });

  it('a call that finds the lock held tries again, and the log says which attempt got it', async () => {
    const [first, second] = await workers();
    tasksOf(second).door.open();
    const running = tasksOf(first).retries();
    await until(() => tasksOf(first).runs === 1);
    const trying = tasksOf(second).retries();
    await until(() => second.events.some((event) => event.type === 'vote' && event.vote === 'held'));
    tasksOf(first).door.open();
    expect(await Promise.all([running, trying])).toEqual(['done', 'done']);
    // Nest has one logger for all applications of a process: that of the last one.
    const attempts = second.log.of('DistributedLock', 'log').map((line) => /attempt (\d+)/.exec(line)?.[1]);
    expect(attempts).toEqual(['1', expect.stringMatching(/^([2-9]|[1-9]\d+)$/)]);
  });
});

describe('a call that finds no quorum', () => {
  it('a call without a quorum does not run: it logs an error, counts as failed, and resolves', async () => {
    const node = fragileNode();
    const { app, log, events } = await start({ providers: [Tasks] }, { nodes: [node] });
    node.reachable = false;
    expect(await app.get(Tasks).skips()).toBeUndefined();
    expect(app.get(Tasks).runs).toBe(0);
    expect(log.of('DistributedLock', 'error')).toEqual([
      expect.stringMatching(/^Skipping execution - "skips": the only node gave no vote/),
    ]);
    expect(events.filter(({ type }) => type === 'skipped')).toEqual([]);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'failed', name: 'skips', reason: 'unreachable' }),
    );
  });

  it('a call without a quorum rejects if onHeld is throw', async () => {
    const node = fragileNode();
    const { app } = await start({ providers: [Tasks] }, { nodes: [node] });
    node.reachable = false;
    await expect(app.get(Tasks).throws()).rejects.toBeInstanceOf(QuorumUnreachableError);
  });
});

describe('a call that loses its lease', () => {
  it('a call that loses its lease logs an error and rejects, even if the method ended well', async () => {
    const node = fragileNode();
    const { app, log } = await start({ providers: [Tasks] }, { nodes: [node] });
    const tasks = app.get(Tasks);
    const running = tasks.short();
    running.catch(() => undefined);
    await until(() => tasks.lease);
    node.reachable = false;
    await until(() => tasks.lease?.signal.aborted);
    tasks.door.open();
    await expect(running).rejects.toBeInstanceOf(LeaseLostError);
    expect(log.of('DistributedLock', 'error')).toEqual([
      expect.stringMatching(
        /^Lock lost while running, the run does not count as a success: the lease of "short"/,
      ),
    ]);
  });

  it('a call whose result goes on when its lease is lost tells the reader and the log, and nobody else', async () => {
    const escaped = jest.fn();
    process.on('unhandledRejection', escaped);
    const node = fragileNode();
    const { app, log } = await start({ providers: [Tasks] }, { nodes: [node] });
    const reading = lastValueFrom(await app.get(Tasks).unfinished());
    node.reachable = false;
    await expect(reading).rejects.toBeInstanceOf(LeaseLostError);
    await until(() => log.of('DistributedLock', 'error').length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', escaped);
    expect(escaped).not.toHaveBeenCalled();
  });
});

describe('the log', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('the log has the two lines of the guide, word for word', async () => {
    const printed: string[] = [];
    const print = jest
      .spyOn(process.stdout, 'write')
      .mockImplementation((text) => printed.push(String(text)) > 0);
    const [first, second] = await workers();
    Logger.overrideLogger(new ConsoleLogger({ colors: false }));
    const running = tasksOf(first).skips();
    await until(() => tasksOf(first).runs === 1);
    await tasksOf(second).skips();
    tasksOf(first).door.open();
    await running;
    print.mockRestore();
    const lines = printed.map((line) => line.slice(line.indexOf('[DistributedLock]')).trimEnd());
    expect(lines).toContain('[DistributedLock] Lock acquired: skips (attempt 1)');
    expect(lines).toContain('[DistributedLock] Skipping execution - lock held by another instance: skips');
  });

  /** Starts an application whose lock manager rejects every call with this error. */
  async function startFailing(failure: Error): Promise<{ tasks: Tasks; log: Log; end: () => Promise<void> }> {
    const log = new Log();
    const locks = new LockManager({ nodes: [memoryNode()], warn: () => undefined });
    locks.withLock = () => Promise.reject(failure);
    const module = await Test.createTestingModule({
      imports: [QuorlockModule.forRoot({ nodes: [memoryNode()] })],
      providers: [Tasks],
    })
      .overrideProvider(LockManager)
      .useValue(locks)
      .setLogger(log)
      .compile();
    await module.init();
    return { tasks: module.get(Tasks), log, end: () => module.close() };
  }

  it.each([
    [
      'debug',
      new LockNotAcquiredError(['skips'], 'already_ran', undefined, 0),
      'Skipping execution - this tick was already run: skips',
    ],
    [
      'warn',
      new LockNotAcquiredError(['skips'], 'contended', undefined, 0),
      'Skipping execution - several instances claim the lock, none got it: skips',
    ],
    ['log', new LockManagerClosedError(['skips']), 'Skipping execution - shutting down: skips'],
    [
      'error',
      new QuorumUnreachableError(['skips'], [], 'no node answered'),
      'Skipping execution - "skips": no node answered',
    ],
  ])('the log says at level %s why a call was skipped', async (level, failure, line) => {
    const { tasks, log, end } = await startFailing(failure);
    expect(await tasks.skips()).toBeUndefined();
    expect(log.of('DistributedLock', level)).toEqual([line]);
    await end();
  });

  it('an error that does not come from the lock is passed on and not logged', async () => {
    const { tasks, log, end } = await startFailing(new TypeError('somebody else'));
    await expect(tasks.skips()).rejects.toThrow('somebody else');
    expect(log.of('DistributedLock')).toEqual([]);
    await end();
  });
});

it('dynamic keys leave nothing in memory', async () => {
  const locks = new LockManager({ nodes: [memoryNode()], warn: () => undefined });
  // Without the lock itself, because it keeps keys while they are fenced.
  locks.withLock = (_key: unknown, _options: unknown, routine?: (lease: Lease) => unknown) =>
    Promise.resolve(routine?.({ attempts: 1 } as Lease)) as Promise<never>;
  const module = await Test.createTestingModule({
    imports: [QuorlockModule.forRoot({ nodes: [memoryNode()] })],
    providers: [Tasks],
  })
    .overrideProvider(LockManager)
    .useValue(locks)
    .setLogger(false as never)
    .compile();
  await module.init();
  const { set } = Map.prototype;
  const { add } = Set.prototype;
  const kept: { readonly collection: { has(key: unknown): boolean }; readonly key: string }[] = [];
  const note = (collection: { has(key: unknown): boolean }, key: unknown): void => {
    if (typeof key === 'string' && key.startsWith('user:')) kept.push({ collection, key });
  };
  jest.spyOn(Map.prototype, 'set').mockImplementation(function (this: Map<unknown, unknown>, key, value) {
    note(this, key);
    return set.call(this, key, value) as Map<unknown, unknown>;
  });
  jest.spyOn(Set.prototype, 'add').mockImplementation(function (this: Set<unknown>, key) {
    note(this, key);
    return add.call(this, key) as Set<unknown>;
  });
  for (let user = 0; user < 50; user++) await module.get(Tasks).dynamic(`${user}`);
  jest.restoreAllMocks();
  expect(kept.filter(({ collection, key }) => collection.has(key))).toEqual([]);
  await module.close();
});
