// slow: tasks of every second are waited for.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { nodeCron, schedule, setRunCoordinator, type TaskContext } from 'node-cron';
import { LockManager, memoryNode, QuorumUnreachableError, type LockEvent } from '../../src/index.js';
import { coordinateWith, coordinator } from '../../src/node-cron/index.js';
import { until } from '../support/until.js';

const managers: LockManager[] = [];
const tasks: { destroy(): unknown }[] = [];

afterEach(async () => {
  for (const task of tasks.splice(0)) await task.destroy();
  setRunCoordinator(undefined);
  await Promise.all(managers.splice(0).map((locks) => locks.close()));
});

function manager(node = memoryNode()): { readonly locks: LockManager; readonly events: LockEvent[] } {
  const locks = new LockManager({ nodes: [node] });
  managers.push(locks);
  const events: LockEvent[] = [];
  locks.subscribe((event) => void events.push(event));
  return { locks, events };
}

const raise = (message: string): never => {
  throw new Error(message);
};

const TICK = '2025-01-01T02:00:00.000Z';
const KEY = `nightly:${TICK}`;

describe('a coordinator of node-cron', () => {
  it('runs each scheduled time of a task on one of two workers', async () => {
    const node = memoryNode();
    const times: string[] = [];
    for (const worker of [manager(node), manager(node)]) {
      tasks.push(
        schedule('* * * * * *', ({ date }: TaskContext) => void times.push(date.toISOString()), {
          name: 'every-second',
          distributed: true,
          runCoordinator: coordinator(worker.locks),
        }),
      );
    }
    await until(() => times.length >= 3);
    expect(new Set(times).size).toBe(times.length);
  });

  it('is set for all tasks, and holds the lock until a task has ended', async () => {
    const { locks, events } = manager();
    coordinateWith(nodeCron, locks);
    let held: string | undefined;
    const run = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      held ??= (await locks.inspect('node-cron:nightly')).status;
    };
    tasks.push(schedule('* * * * * *', run, { name: 'nightly', distributed: true }));
    await until(() => events.some(({ type }) => type === 'run_finished'));
    expect(held).toBe('held');
    const finished = events.find((event) => event.type === 'run_finished');
    expect(finished).toMatchObject({ name: 'nightly', outcome: 'succeeded' });
    expect(finished!.tick % 1_000).toBe(0);
  });

  it('says who runs, once for each tick', async () => {
    const node = memoryNode();
    const [one, two] = [coordinator(manager(node).locks), coordinator(manager(node).locks)];
    expect(await one.shouldRun(KEY, 60_000)).toBe(true);
    expect(await two.shouldRun(KEY, 60_000)).toBe(false);
    await one.onComplete(KEY);
    expect(await two.shouldRun(KEY, 60_000)).toBe(false);
    expect(await two.shouldRun('nightly:2025-01-02T02:00:00.000Z', 60_000)).toBe(true);
    await two.onComplete('nightly:2025-01-02T02:00:00.000Z');
    await two.onComplete('never:2025-01-02T02:00:00.000Z');
  });

  it('keeps a run in mind that goes on while the same one is refused', async () => {
    const { locks } = manager();
    const own = coordinator(locks);
    expect(await own.shouldRun(KEY, 60_000)).toBe(true);
    expect(await own.shouldRun(KEY, 60_000)).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    await own.onComplete(KEY);
    expect((await locks.inspect('node-cron:nightly')).status).toBe('free');
  });

  it.each([
    ['throws', (): never => raise('it threw')],
    ['rejects', (): never => Promise.reject(new Error('it rejected')) as never],
  ])('warns of a listener of lost leases that %s', async (verb, onLost) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { locks } = manager();
    const own = coordinator(locks, { onLost });
    expect(await own.shouldRun(KEY, 60_000)).toBe(true);
    await locks.close();
    await own.onComplete(KEY);
    const message = `onLost of "nightly" failed: it ${verb === 'throws' ? 'threw' : 'rejected'}`;
    expect(emitWarning.mock.calls).toEqual([[message, 'QuorlockWarning']]);
    emitWarning.mockRestore();
  });

  it('tells no loss of a task that has ended', async () => {
    const { locks } = manager();
    const lost: string[] = [];
    const own = coordinator(locks, { onLost: (task) => lost.push(task) });
    expect(await own.shouldRun(KEY, 60_000)).toBe(true);
    // As `nodeCron.shutdown()` does: it tells the end of the task, and does not wait for the release.
    const told = own.onComplete(KEY);
    await locks.close();
    await told;
    expect(lost).toEqual([]);
  });

  it('tells the loss of a task that blocked the event loop until its end', async () => {
    const { locks } = manager();
    const lost: string[] = [];
    const own = coordinator(locks, { onLost: (task) => lost.push(task) });
    const ttlMs = 50;
    expect(await own.shouldRun(KEY, ttlMs)).toBe(true);
    const end = performance.now() + 2 * ttlMs;
    while (performance.now() < end);
    await own.onComplete(KEY).catch(() => undefined);
    expect(lost).toEqual(['nightly']);
  });

  it('tells that a task lost its lease', async () => {
    const { locks } = manager();
    const lost: string[] = [];
    const own = coordinator(locks, { onLost: (task, error) => lost.push(`${task}: ${error.message}`) });
    expect(await own.shouldRun(KEY, 60_000)).toBe(true);
    await locks.close();
    // While the task goes on.
    expect(lost).toHaveLength(1);
    await own.onComplete(KEY);
    expect(lost).toEqual(['nightly: the lease of "node-cron:nightly" is over: the lock manager was closed']);
  });

  it('rejects where no majority of the nodes can be reached', async () => {
    const dead = memoryNode();
    dead.markMisconfigured?.('for this test');
    const own = coordinator(manager(dead).locks);
    await expect(own.shouldRun(KEY, 60_000)).rejects.toThrow(QuorumUnreachableError);
  });

  it.each([
    ['nightly', 'the key of the coordinator must be the name of a task and its scheduled time'],
    ['nightly:2025-13-01T02:00:00.000Z', 'the key of the coordinator must be the name of a task'],
    [undefined as never, 'the key of the coordinator must be the name of a task'],
    [`a\u0000b:${TICK}`, 'the key of the coordinator must not have control characters'],
    [`${'x'.repeat(600)}:${TICK}`, 'the key of the coordinator must have 1 to 512 bytes, got 610'],
  ])('refuses the key %j', async (key, message) => {
    await expect(coordinator(manager().locks).shouldRun(key, 60_000)).rejects.toThrow(message);
  });

  it('refuses a node-cron that is too old, and bad options', () => {
    const { locks } = manager();
    expect(() => coordinateWith({} as never, locks)).toThrow('node-cron must be 4.6 or newer');
    const swapped = () => coordinateWith(locks as never, nodeCron as never);
    expect(swapped).toThrow('coordinateWith takes node-cron, then a LockManager');
    const lacking = 'coordinator takes a LockManager, got undefined';
    expect(() => coordinateWith(nodeCron, undefined as never)).toThrow(lacking);
    expect(() => coordinator(undefined as never)).toThrow(lacking);
    const options = { password: 's3cret' } as never;
    expect(() => coordinator(options)).toThrow(/^coordinator takes a LockManager, got object$/);
    expect(() => coordinator(locks, { prefix: 7 as never })).toThrow('prefix must be a string, got number');
    expect(() => coordinator(locks, { onLost: 7 as never })).toThrow('onLost must be a function, got number');
    const unknown = { timeout: 7 } as object;
    expect(() => coordinator(locks, unknown)).toThrow('coordinator: unknown option "timeout"');
    const late = { missed: 'once' } as object;
    expect(() => coordinator(locks, late)).toThrow('coordinator: unknown option "missed"');
    expect(() => coordinator(locks, null as never)).toThrow('coordinator takes an object of options');
    const asText = { nodeTimeoutMs: '5' as never };
    expect(() => coordinator(locks, asText)).toThrow("nodeTimeoutMs must be a number, got '5'");
    expect(() => coordinator(locks, { attempts: 2 })).toThrow("attempts (2) needs abandoned: 'retry'");
  });
});
