import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { currentLease, LockManager, memoryNode, type LockNode } from '../../src/index.js';
import { ObservableState } from '../../src/node/index.js';
import { DistributedLock, QuorlockModule, type QuorlockModuleOptions } from '../../src/nestjs/index.js';
import { assertQuorum } from '../../src/nestjs/health/assert-quorum.js';
import { NodeLog } from '../../src/nestjs/log/node-log.js';
import { until } from '../support/until.js';
import { closedDoor, Log, start, type Application } from './support.js';

/** A node in memory whose state a test sets. */
class Switch {
  readonly state = new ObservableState({ status: 'ready' });
  readonly node: LockNode;

  constructor(name: string) {
    const own = memoryNode({ name });
    const { state } = this;
    const refused: LockNode['ask'] = (_, receiver, nodeIndex) =>
      receiver.receive(nodeIndex, {
        kind: 'failed',
        reason: 'unreachable',
        cause: new Error(`connect ECONNREFUSED ${name}`),
      });
    this.node = {
      name,
      address: name,
      get state() {
        return state.state;
      },
      onStateChange: (listener) => state.onChange(listener),
      ask: (...request) => (state.state.status === 'ready' ? own.ask(...request) : refused(...request)),
      inspect: (resources) => own.inspect(resources),
      close: () => own.close(),
    };
  }

  down(): void {
    this.state.set({ status: 'unreachable', reason: `connect ECONNREFUSED ${this.node.name}` });
  }

  up(): void {
    this.state.set({ status: 'ready' });
  }
}

@Injectable()
class Tasks {
  readonly door = closedDoor();
  runs = 0;

  @DistributedLock({ key: 'report', once: false })
  async report(): Promise<string> {
    this.runs++;
    return 'done';
  }

  @DistributedLock({ key: 'cleanup', once: false })
  async cleanup(): Promise<string> {
    return 'done';
  }

  @DistributedLock({ key: 'long', once: false })
  async long(): Promise<void> {
    await this.door.promise;
  }
}

interface World extends Application {
  readonly nodes: readonly Switch[];
  readonly tasks: Tasks;
}

async function world(down: readonly number[] = [], options: QuorlockModuleOptions = {}): Promise<World> {
  const nodes = ['a:1', 'b:2', 'c:3'].map((name) => new Switch(name));
  for (const index of down) nodes[index]!.down();
  const application = await start(
    { providers: [Tasks] },
    { nodes: nodes.map(({ node }) => node), drainMs: 0, ...options },
  );
  await application.app.get(LockManager).started();
  return { ...application, nodes, tasks: application.app.get(Tasks) };
}

const linesOf = ({ log }: World, ...levels: string[]): string[] =>
  log.lines
    .filter(({ context, level }) => context === 'Quorlock' && levels.includes(level))
    .map(({ level, message }) => `${level}: ${message}`);
const all = ['debug', 'log', 'warn', 'error'];

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

it('a release by force is logged, with the holder and the reason', async () => {
  const node = memoryNode();
  const application = await start({}, { nodes: [node] });
  const worker = new LockManager({ nodes: [node], holder: 'worker:1', warn: () => undefined });
  await worker.acquire('report');
  await application.app.get(LockManager).forceRelease('report', { reason: 'it hangs' });
  expect(application.log.of('Quorlock', 'warn')).toContain(
    'Lock released by force: report, held by worker:1. Reason: it hangs',
  );
  await worker.close();
});

describe('the line at the start', () => {
  it('says that all nodes are ready', async () => {
    expect(linesOf(await world(), ...all)).toEqual(['log: 3 of 3 nodes are ready']);
  });

  it('warns of a minority that is not ready', async () => {
    expect(linesOf(await world([1]), ...all)).toEqual([
      'warn: 2 of 3 nodes are ready; b:2: unreachable (connect ECONNREFUSED)',
    ]);
  });

  it('is an error at once, and not at the first tick, if there is no quorum', async () => {
    expect(linesOf(await world([0, 2]), ...all)).toEqual([
      'error: No quorum: 1 of 3 nodes is ready, and 2 are needed. The nodes grant no lock; ' +
        'a:1: unreachable (connect ECONNREFUSED), c:3: unreachable (connect ECONNREFUSED)',
    ]);
  });

  it('shows the end of a long reason that tells what to install, and that it cut a longer one', () => {
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    const { listener } = new NodeLog({ debug: write, log: write, warn: write, error: write }, 0);
    const advice =
      'a url or options are opened by the package ioredis, or iovalkey, and none of them can be loaded: ' +
      'npm install ioredis, or give a client of the library that you use';
    const quorum = { ready: 0, needed: 2, nodes: 2, reached: false };
    for (const [name, reason] of [
      ['a:1', advice],
      ['b:2', 'x'.repeat(500)],
    ] as const)
      listener({ type: 'node', node: { name, status: 'unreachable', reason } });
    listener({ type: 'quorum', atStart: true, quorum });
    expect(lines).toEqual([
      'No quorum: 0 of 2 nodes are ready, and 2 are needed. The nodes grant no lock; ' +
        `a:1: unreachable (${advice}), b:2: unreachable (${'x'.repeat(199)}…)`,
    ]);
  });

  it('says why enough nodes that are ready grant nothing, and so does requireQuorum', async () => {
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    const { listener } = new NodeLog({ debug: write, log: write, warn: write, error: write }, 0);
    const nodes = [
      { name: 'a:1', status: 'ready' },
      { name: 'b:2', status: 'ready' },
      { name: 'c:3', status: 'unreachable', reason: 'connect ECONNREFUSED c:3' },
    ] as const;
    const quorum = { ready: 2, needed: 2, nodes: 3, reached: false, reason: 'it needs all nodes' };
    for (const node of nodes) listener({ type: 'node', node });
    listener({ type: 'quorum', atStart: true, quorum });
    listener({ type: 'node', node: { name: 'c:3', status: 'ready' } });
    listener({ type: 'quorum', atStart: false, quorum: { ...quorum, ready: 3 } });
    listener({ type: 'node', node: { name: 'c:3', status: 'closed' } });
    expect(lines).toEqual([
      'No quorum: 2 of 3 nodes are ready, and 2 are needed. The nodes grant no lock (it needs all nodes); ' +
        'c:3: unreachable (connect ECONNREFUSED)',
      'Node c:3 is ready: 3 of 3 nodes are ready',
      'No quorum: 3 of 3 nodes are ready, and 2 are needed. The nodes grant no lock (it needs all nodes)',
    ]);
    const locks = { started: async () => quorum, nodes: () => nodes, close: async () => undefined };
    await expect(assertQuorum(locks as unknown as LockManager)).rejects.toThrow(
      'requireQuorum: 2 of 3 nodes ready, and 2 are needed. it needs all nodes; c:3: unreachable',
    );
  });

  it('comes by itself, without any lock being used', async () => {
    const log = new Log();
    const module = await Test.createTestingModule({
      imports: [QuorlockModule.forRoot({ nodes: [memoryNode()] })],
    })
      .setLogger(log)
      .compile();
    await module.init();
    await until(() => log.of('Quorlock', 'log').includes('1 of 1 node is ready'), { what: 'the line' });
    await module.close();
  });
});

describe('a node that goes and comes', () => {
  it('a minority that goes away and comes back is one line each', async () => {
    const application = await world();
    application.nodes[2]!.down();
    application.nodes[2]!.up();
    expect(linesOf(application, ...all).slice(1)).toEqual([
      'warn: Node c:3 is unreachable (connect ECONNREFUSED): 2 of 3 nodes are ready',
      'log: Node c:3 is ready: 3 of 3 nodes are ready',
    ]);
  });

  it('a majority that goes away is an error, and its return is a line', async () => {
    const application = await world();
    application.nodes[1]!.down();
    application.nodes[2]!.down();
    expect(linesOf(application, 'error')).toEqual([
      expect.stringMatching(/^error: No quorum: 1 of 3 nodes is ready, and 2 are needed\. .*b:2.*c:3/),
    ]);
    application.nodes[1]!.up();
    expect(linesOf(application, 'log').slice(-2)).toEqual([
      'log: Node b:2 is ready: 2 of 3 nodes are ready',
      'log: A quorum again: 2 of 3 nodes are ready',
    ]);
  });

  it('a majority that goes and comes all the time is some lines, and then a count', async () => {
    const application = await world([2]);
    jest.useFakeTimers();
    for (let time = 0; time < 50; time++) {
      application.nodes[1]!.down();
      application.nodes[1]!.up();
    }
    application.nodes[1]!.down();
    const before = linesOf(application, ...all);
    expect(before.filter((line) => line.includes('quorum'))).toHaveLength(6);
    jest.advanceTimersByTime(60_000);
    expect(linesOf(application, ...all).slice(before.length)).toContain(
      'error: No quorum, 48 more times in 60 s: 1 of 3 nodes is ready',
    );
  });

  it('a node that comes and goes all the time is some lines, and then a count', async () => {
    const application = await world();
    jest.useFakeTimers();
    for (let time = 0; time < 50; time++) {
      application.nodes[0]!.down();
      application.nodes[0]!.up();
    }
    const before = linesOf(application, ...all);
    expect(before).toHaveLength(7);
    jest.advanceTimersByTime(60_000);
    expect(linesOf(application, ...all).slice(before.length)).toEqual([
      'warn: Node a:1 was unreachable 47 more times in 60 s: 3 of 3 nodes are ready',
    ]);
    application.nodes[0]!.down();
    expect(linesOf(application, 'warn').at(-1)).toMatch(/Node a:1 is unreachable/);
  });
});

it('a refusal that the scheduler is told is one line in its log: the error has no stack', async () => {
  @Injectable()
  class Job {
    @Interval(3_600_000)
    @DistributedLock({ key: 'job', onHeld: 'throw' })
    async run(): Promise<void> {}
  }
  const node = memoryNode();
  const worker = new LockManager({ nodes: [node], holder: 'worker:1', warn: () => undefined });
  await worker.acquire('job');
  const { app } = await start({ providers: [Job] }, { nodes: [node] });
  const error = await app
    .get(Job)
    .run()
    .then(String, (reason: Error) => reason.stack);
  expect(error).toBe('LockNotAcquiredError: "job" is held by worker:1');
  await worker.close();
});

describe('calls without a majority', () => {
  it('the first is a line with the nodes, and the others are a count', async () => {
    const application = await world([0, 1]);
    const { log, tasks, nodes } = application;
    for (let call = 0; call < 25; call++) expect(await tasks.report()).toBeUndefined();
    expect(await tasks.cleanup()).toBeUndefined();
    expect(log.of('DistributedLock', 'error')).toEqual([
      'Skipping execution - "report": no majority of the 3 nodes answered; ' +
        'a:1, b:2: unreachable (connect ECONNREFUSED)',
      'Skipping execution - "report": no majority of the nodes, 10 times in a row',
      'Skipping execution - "cleanup": no majority of the nodes',
    ]);
    nodes[0]!.up();
    expect(await tasks.report()).toBe('done');
    expect(log.of('DistributedLock', 'log')).toEqual([
      'A majority of the nodes answers again, after 25 calls: report',
      'Lock acquired: report (attempt 1)',
    ]);
  });
});

describe('a lock that is held', () => {
  it('by another instance is the line of the guide, with the holder and the time at level debug', async () => {
    const node = memoryNode();
    const others = new LockManager({ nodes: [node], holder: 'other:7' });
    const { app, log } = await start({ providers: [Tasks] }, { nodes: [node] });
    const lease = await others.acquire('report', { ttlMs: 30_000 });
    await app.get(Tasks).report();
    expect(log.of('DistributedLock', 'log')).toEqual([
      'Skipping execution - lock held by another instance: report',
    ]);
    expect(log.of('DistributedLock', 'debug')).toEqual([
      expect.stringMatching(/^Lock held by other:7, for another (30|29) s unless it is extended: report$/),
    ]);
    await lease.release();
    await others.close();
  });

  it('by this very instance says so', async () => {
    const { app, log } = await start({ providers: [Tasks] });
    const lease = await app.get(LockManager).acquire('report');
    await app.get(Tasks).report();
    expect(log.of('DistributedLock', 'log')).toEqual([
      'Skipping execution - lock held by this instance: report',
    ]);
    await lease.release();
  });

  it('by another instance of the same name is the line of the guide', async () => {
    const node = memoryNode();
    const others = new LockManager({ nodes: [node], holder: 'worker' });
    const { app, log } = await start({ providers: [Tasks] }, { nodes: [node], holder: 'worker' });
    const lease = await others.acquire('report');
    await app.get(Tasks).report();
    expect(log.of('DistributedLock', 'log')).toEqual([
      'Skipping execution - lock held by another instance: report',
    ]);
    await lease.release();
    await others.close();
  });
});

describe('the shutdown', () => {
  it('a drain that cuts runs off is one line, with their locks', async () => {
    const application = await world([], { drainMs: 5 });
    const { app, tasks } = application;
    const running = tasks.long().catch((error: Error) => error.name);
    await until(() =>
      app
        .get(LockManager)
        .inspect('long')
        .then(({ status }) => status === 'held'),
    );
    const other = await app.get(LockManager).acquire('by hand');
    await app.close();
    tasks.door.open();
    expect(await running).toBe('LeaseLostError');
    expect(other.signal.aborted).toBe(true);
    expect(linesOf(application, 'warn')).toEqual([
      'warn: Shutdown: 2 runs did not end within drainMs (5 ms) and lost the lock: long, by hand',
    ]);
  });

  it('a shutdown in which every run ends is no line', async () => {
    const application = await world();
    await application.tasks.report();
    await application.app.close();
    expect(linesOf(application, ...all)).toHaveLength(1);
  });

  it('app.close() inside a locked method does not wait for that method', async () => {
    @Injectable()
    class Ending {
      close: () => Promise<void> = async () => undefined;
      closed = false;

      @DistributedLock({ key: 'last', once: false })
      async last(): Promise<boolean> {
        await this.close();
        this.closed = true;
        return currentLease()!.signal.aborted;
      }
    }
    const { app } = await start({ providers: [Ending] }, { drainMs: 600_000 });
    const ending = app.get(Ending);
    ending.close = () => app.close();
    expect(await ending.last()).toBe(false);
    expect(ending.closed).toBe(true);
  });
});

describe('logLevel', () => {
  const levelsSeen = async (logLevel: QuorlockModuleOptions['logLevel']): Promise<Set<string>> => {
    const application = await world([0], { logLevel });
    const { log, tasks, nodes, app } = application;
    await tasks.report();
    const lease = await app.get(LockManager).acquire('report');
    await tasks.report();
    await lease.release();
    nodes[1]!.down();
    await tasks.report();
    await app.close();
    const ours = ['Quorlock', 'DistributedLock'];
    return new Set(log.lines.filter(({ context }) => ours.includes(context ?? '')).map(({ level }) => level));
  };

  it.each<[QuorlockModuleOptions['logLevel'], string[]]>([
    [undefined, ['debug', 'log', 'warn', 'error']],
    ['debug', ['debug', 'log', 'warn', 'error']],
    ['log', ['log', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['none', []],
  ])('logLevel %p logs the levels %j', async (logLevel, levels) => {
    expect([...(await levelsSeen(logLevel))].sort()).toEqual(levels.toSorted());
  });

  it('another logLevel stops the start', async () => {
    await expect(world([], { logLevel: 'info' as 'log' })).rejects.toThrow(
      "QuorlockModule: logLevel must be one of 'debug', 'log', 'warn', 'error', 'none', got 'info'",
    );
  });
});

it('a logger that throws keeps no job from running, and its lines become warnings of the process', async () => {
  const application = await world();
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const { log, tasks, app } = application;
  log.log = log.warn = () => {
    throw new Error('no disk');
  };
  expect(await tasks.report()).toBe('done');
  const long = tasks.long();
  await until(() => emitWarning.mock.calls.length === 2);
  await app.close();
  tasks.door.open();
  await expect(long).rejects.toThrow('over');
  const lines = emitWarning.mock.calls.map(([line]) => String(line));
  expect(lines[0]).toBe('the logger failed (no disk) at the line: Lock acquired: report (attempt 1)');
  expect(lines.at(-1)).toContain('at the line: Shutdown: a run did not end within drainMs');
});
