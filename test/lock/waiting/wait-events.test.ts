import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AcquireOptions, Lease, LockEvent, LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { wrongWaits } from './wrong-waits.js';

const R = 'invoice:7';
const WAITS: AcquireOptions = { waitMs: 60_000 };
const RETRIES: AcquireOptions = { retries: 3, retryDelayMs: 100 };

interface Scene {
  readonly world: VirtualWorld;
  /** Of the process that waits. */
  readonly locks: LockManager;
  readonly abort: AbortController;
  readonly held: Lease;
}

/** What is told while one call waits for what another process holds, or its own, and then something comes to pass. */
async function toldOf(
  options: AcquireOptions,
  comesToPass: (scene: Scene) => unknown,
  { own = false, holds = {} }: { readonly own?: boolean; readonly holds?: AcquireOptions } = {},
): Promise<string[]> {
  const world = new VirtualWorld(3);
  const locks = world.manager();
  const holder = own ? locks : world.manager();
  const held = await world.clock.until(holder.acquire(R, { ...holds, name: 'holder' }));
  const abort = new AbortController();
  const over = locks.acquire(R, { ...options, name: 'waiter', signal: abort.signal }).catch(() => undefined);
  await world.clock.advance(30);
  await comesToPass({ world, locks, abort, held });
  const lease = await world.clock.until(over);
  await world.clock.until(Promise.resolve(lease?.release()));
  expect(world.eventsByManager.flatMap(wrongWaits)).toEqual([]);
  return world.events.flatMap((event) => ('name' in event && event.name === 'waiter' ? [event.type] : []));
}

describe('what is told of a call that waits', () => {
  const release = ({ held, world }: Scene): Promise<void> => world.clock.until(held.release());
  const nothing = (): undefined => undefined;
  const nobodyAnswers = ({ world }: Scene): void => world.nodes.forEach((node) => node.down());

  it.each<[string, AcquireOptions, (scene: Scene) => unknown, string[]]>([
    ['gets it', WAITS, release, ['acquired', 'released']],
    ['gets it at a later attempt', RETRIES, release, ['acquired', 'released']],
    ['waits too short', { waitMs: 100 }, nothing, ['skipped']],
    ['has no attempts left', RETRIES, nothing, ['skipped']],
    ['finds no majority in the end', { waitMs: 500 }, nobodyAnswers, ['failed']],
    ['finds no majority at its last attempt', RETRIES, nobodyAnswers, ['failed']],
    ['is called off', WAITS, ({ abort }) => abort.abort(), ['aborted']],
    ['is called off between two attempts', RETRIES, ({ abort }) => abort.abort(), ['aborted']],
    ['is drained', WAITS, ({ locks }) => locks.drain(), ['skipped']],
    ['is drained between two attempts', RETRIES, ({ locks }) => locks.drain(), ['skipped']],
    ['is closed', WAITS, ({ locks, world }) => world.clock.until(locks.close()), ['skipped']],
  ])('and %s: its beginning, its end, and what came of it', async (_what, options, comesToPass, outcome) => {
    expect(await toldOf(options, comesToPass)).toEqual(['waiting', 'waited', ...outcome]);
  });

  it('in line, and is handed the lease: the same, after the release', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    await (await world.clock.until(holding)).release();
    await world.clock.until(waiting, 0);
    const told = world.events.flatMap((event) => ('name' in event ? [event.type] : []));
    expect(told).toEqual(['waiting', 'acquired', 'released', 'waited', 'acquired']);
    expect(world.eventsByManager.flatMap(wrongWaits)).toEqual([]);
  });

  it('in line, for a tick that has run by then: the same', async () => {
    const tick = { ...WAITS, tick: 5 };
    expect(await toldOf(tick, release, { own: true, holds: tick })).toEqual(['waiting', 'waited', 'skipped']);
  });

  it.each([WAITS, RETRIES])('and meets nodes that break their contract (%j): the same', async (options) => {
    const breakAll = ({ world }: Scene): void => {
      for (const node of world.nodes) {
        node.ask = () => {
          throw new Error('broken');
        };
      }
    };
    const told = await toldOf({ ...options, retryDelayMs: 100, ttlMs: 1_000 }, breakAll, {
      holds: { autoExtend: false, ttlMs: 500 },
    });
    expect(told).toEqual(['waiting', 'waited', expect.any(String)]);
  });
});

describe('a wait', () => {
  it.each<[string, AcquireOptions]>([
    ['once', {}],
    ['and would wait', WAITS],
    ['and would ask again', RETRIES],
    ['and could be called off', { signal: new AbortController().signal }],
  ])('is not told of one who asks %s, and is answered at once', async (_how, options) => {
    const world = new VirtualWorld(3);
    const [one, other] = [world.manager(), world.manager()];
    await world.clock.until(one.acquire(R, options));
    await world.clock.until(other.acquire('free', options));
    await world.clock.until(other.tryAcquire(R, { ...options, waitMs: 0, retries: 0 }));
    expect(world.eventsOf('waiting')).toEqual([]);
    expect(world.eventsOf('waited')).toEqual([]);
  });

  it('lasts from the first refusal to the end, however often it is refused in between', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const waiting = world.manager().acquire(R, { retries: 5, retryDelayMs: 100 });
    await world.clock.advance(250);
    await world.clock.until(held.release());
    await world.clock.until(waiting);
    // Two milliseconds for each attempt and a hundred for each pause: two of them were in vain.
    expect(world.eventsOf('waited')).toMatchObject([{ durationMs: 3 * 100 + 3 * 2 }]);
    expect(world.eventsOf('acquired').at(-1)).toMatchObject({ attempts: 4, durationMs: 3 * 100 + 4 * 2 });
  });

  it('lasts from the call to the end where others stand before it', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    const held = await world.clock.until(holding);
    await world.clock.advance(70);
    await held.release();
    await world.clock.until(waiting, 0);
    expect(world.eventsOf('waited')).toMatchObject([{ durationMs: 72 }]);
  });

  it('that began before a listener came is told to it when it ends, in its whole length', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const waiting = locks.acquire(R, { waitMs: 1_000 });
    await world.clock.advance(400);
    const heard: LockEvent[] = [];
    locks.subscribe((event) => heard.push(event));
    await expect(world.clock.until(waiting)).rejects.toThrow();
    const queueEntry = heard.filter(({ type }) => type === 'waiting' || type === 'waited');
    // Refused after two milliseconds, it looks once more in the end, for two.
    expect(queueEntry).toMatchObject([{ type: 'waited', durationMs: 1_000 }]);
  });

  it('can be ended by a listener that releases what is waited for, and all hear it in order', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const abort = new AbortController();
    const holding = locks.acquire(R, WAITS);
    // For it a token is reserved, which it leaves to the next one.
    const gone = locks.acquire(R, { ...WAITS, signal: abort.signal }).catch(() => undefined);
    const held = await world.clock.until(holding);
    abort.abort();
    await gone;
    locks.subscribe(({ type }) => type === 'waiting' && void held.release());
    const second: LockEvent[] = [];
    locks.subscribe((event) => second.push(event));
    await world.clock.until(locks.acquire(R, WAITS), 0);
    const types = second.map(({ type }) => type).filter((type) => type !== 'node');
    expect(types).toEqual(['waiting', 'released', 'waited', 'acquired']);
  });

  it.each([
    ['in line', WAITS],
    ['between two attempts', { retries: 3, retryDelayMs: 30_000 }],
  ])('%s can be ended by a listener that calls it off, at once', async (_where, options) => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const abort = new AbortController();
    locks.subscribe(({ type }) => type === 'waiting' && abort.abort(new Error('enough')));
    const waiting = locks.acquire(R, { ...options, signal: abort.signal });
    await expect(world.clock.until(waiting, 10)).rejects.toThrow('enough');
    expect(world.eventsByManager.flatMap(wrongWaits)).toEqual([]);
  });
});

describe('whatever happens', () => {
  const ms = (max: number) => fc.integer({ min: 0, max });
  const ways: fc.Arbitrary<AcquireOptions> = fc.oneof(
    fc.constant({}),
    ms(400).map((waitMs) => ({ waitMs: waitMs + 1 })),
    fc.tuple(ms(4), ms(60)).map(([retries, delayMs]) => ({ retries, retryDelayMs: delayMs + 1 })),
  );
  interface Call {
    readonly process: number;
    readonly atMs: number;
    readonly resource: string | string[];
    readonly way: AcquireOptions;
    readonly ttlMs: number;
    readonly holdMs: number | null;
    readonly abortAtMs: number | null;
  }
  const call: fc.Arbitrary<Call> = fc.record({
    process: fc.nat(1),
    atMs: ms(300),
    resource: fc.constantFrom('a', 'b', ['a', 'b']),
    way: ways,
    ttlMs: fc.constantFrom(500, 5_000),
    holdMs: fc.option(ms(200)),
    abortAtMs: fc.option(ms(400)),
  });
  const life = fc.record({
    calls: fc.array(call, { minLength: 2, maxLength: 14 }),
    end: fc.option(fc.record({ process: fc.nat(1), atMs: ms(400), close: fc.boolean() })),
    outage: fc.option(fc.record({ fromMs: ms(300), forMs: ms(300), nodes: fc.integer({ min: 1, max: 3 }) })),
    listenerAtMs: ms(300),
    fallback: fc.constantFrom<('none' | 'memory')[]>('none', 'memory'),
  });

  it('each wait that begins ends once, before its outcome is told, and a late listener misses no end', async () => {
    let queueEntry = 0;
    await fc.assert(
      fc.asyncProperty(life, async ({ calls, end, outage, listenerAtMs, fallback }) => {
        const world = new VirtualWorld(3);
        const { clock } = world;
        const after = (delayMs: number): Promise<void> =>
          new Promise((resolve) => void clock.setTimer(resolve, delayMs));
        const processes = [world.manager({ fallback }), world.manager({ fallback })];
        const late: LockEvent[] = [];
        let toldBefore = 0;
        const one = async ({ process, atMs, resource, way, ttlMs, holdMs, abortAtMs }: Call) => {
          await after(atMs);
          const abort = new AbortController();
          if (abortAtMs !== null) clock.setTimer(() => abort.abort(), abortAtMs);
          const options = { ...way, ttlMs, signal: abort.signal };
          const lease = await processes[process]!.acquire(resource, options).catch(() => undefined);
          await after(holdMs ?? 1_000);
          await lease?.release();
        };
        const fate = async (): Promise<void> => {
          if (end === null) return;
          await after(end.atMs);
          const ended = processes[end.process]!;
          if (end.close) await ended.close();
          else ended.drain();
        };
        const weather = async (): Promise<void> => {
          if (outage === null) return;
          const struck = world.nodes.slice(0, outage.nodes);
          await after(outage.fromMs);
          struck.forEach((node) => node.down());
          await after(outage.forMs);
          struck.forEach((node) => node.up());
        };
        const comer = async (): Promise<void> => {
          await after(listenerAtMs);
          for (const locks of processes) locks.subscribe((event) => 'wait' in event && late.push(event));
          toldBefore = world.events.length;
        };
        await clock.until(Promise.all([...calls.map(one), fate(), weather(), comer()]));
        queueEntry += world.eventsOf('waiting').length;
        expect(world.eventsByManager.flatMap(wrongWaits)).toEqual([]);
        expect(late).toEqual(world.events.slice(toldBefore).filter((event) => 'wait' in event));
      }),
      { numRuns: 150 },
    );
    // Otherwise it would prove nothing.
    expect(queueEntry).toBeGreaterThan(150);
  });
});

describe('the checker of waits', () => {
  const about = { name: 'job', resources: ['job'] };
  const waiting: LockEvent = { ...about, type: 'waiting', wait: 1 };
  const waited: LockEvent = { ...about, type: 'waited', wait: 1, durationMs: 5 };
  const aborted: LockEvent = { ...about, type: 'aborted', durationMs: 6 };

  it.each<[string, LockEvent[], number]>([
    ['a wait from its beginning to its outcome', [waiting, waited, aborted], 0],
    ['no wait', [aborted], 0],
    ['a wait without an end', [waiting, aborted], 1],
    ['an end without a beginning', [waited, aborted], 1],
    ['an end before the beginning', [waited, waiting, aborted], 2],
    ['two ends', [waiting, waited, waited, aborted], 2],
    ['two beginnings', [waiting, waiting, waited, aborted], 1],
    ['an end of another lock', [waiting, { ...waited, name: 'other' }, aborted], 2],
    ['an end after the outcome', [waiting, aborted, waited], 1],
    ['a length below zero', [waiting, { ...waited, durationMs: -1 }, aborted], 1],
  ])('sees what is wrong with %s', (_what, events, count) => {
    expect(wrongWaits(events)).toHaveLength(count);
  });
});
