import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AcquireOptions, Lease, LockEvent, LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { wrongCalls } from '../../support/wrong-calls.js';

const R = 'invoice:7';
const WAITS: AcquireOptions = { waitMs: 60_000 };
const RETRIES: AcquireOptions = { retries: 3, retryDelayMs: 100 };

interface Scene {
  readonly world: VirtualWorld;
  /** The manager whose call waits. */
  readonly locks: LockManager;
  readonly abort: AbortController;
  readonly held: Lease;
}

/** The events of a call that waits for what another manager holds, or its own, until `meanwhile` happens. */
async function eventsOfWaiter(
  options: AcquireOptions,
  meanwhile: (scene: Scene) => unknown,
  { own = false, holds = {} }: { readonly own?: boolean; readonly holds?: AcquireOptions } = {},
): Promise<string[]> {
  const world = new VirtualWorld(3);
  const locks = world.manager();
  const holder = own ? locks : world.manager();
  const held = await world.clock.until(holder.acquire(R, { ...holds, name: 'holder' }));
  const abort = new AbortController();
  const waiterOptions = { ...options, name: 'waiter', signal: abort.signal };
  const acquiring = locks.acquire(R, waiterOptions).catch(() => undefined);
  await world.clock.advance(30);
  await meanwhile({ world, locks, abort, held });
  const lease = await world.clock.until(acquiring);
  await world.clock.until(Promise.resolve(lease?.release()));
  expect(world.eventsByManager.flatMap(wrongCalls)).toEqual([]);
  return world.events.flatMap((event) => ('name' in event && event.name === 'waiter' ? [event.type] : []));
}

const callEvents = (events: readonly LockEvent[]): string[] =>
  events.flatMap((event) => ('name' in event ? [event.type] : []));

describe('the events of a call that waits', () => {
  const release = ({ held, world }: Scene): Promise<void> => world.clock.until(held.release());
  const nothing = (): undefined => undefined;
  const stopNodes = ({ world }: Scene): void => world.nodes.forEach((node) => node.down());

  it.each<[string, AcquireOptions, (scene: Scene) => unknown, string[]]>([
    ['gets the lock', WAITS, release, ['acquired', 'released']],
    ['gets the lock at a later attempt', RETRIES, release, ['acquired', 'released']],
    ['reaches its deadline', { waitMs: 100 }, nothing, ['skipped']],
    ['has no attempts left', RETRIES, nothing, ['skipped']],
    ['reaches no majority in the end', { waitMs: 500 }, stopNodes, ['failed']],
    ['reaches no majority at its last attempt', RETRIES, stopNodes, ['failed']],
    ['is aborted', WAITS, ({ abort }) => abort.abort(), ['aborted']],
    ['is aborted between two attempts', RETRIES, ({ abort }) => abort.abort(), ['aborted']],
    ['is drained', WAITS, ({ locks }) => locks.drain(), ['skipped']],
    ['is drained between two attempts', RETRIES, ({ locks }) => locks.drain(), ['skipped']],
    ['is closed', WAITS, ({ locks, world }) => world.clock.until(locks.close()), ['skipped']],
  ])(
    'a call that waits and %s tells acquiring, waiting, waited and its outcome',
    async (_what, options, meanwhile, outcome) => {
      const types = await eventsOfWaiter(options, meanwhile);
      expect(types).toEqual(['acquiring', 'waiting', 'waited', ...outcome]);
    },
  );

  it('a call in line that is handed a lease tells waited and acquired after the release', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    await (await world.clock.until(holding)).release();
    await world.clock.until(waiting, 0);
    expect(callEvents(world.events)).toEqual([
      'acquiring',
      'acquiring',
      'waiting',
      'acquired',
      'released',
      'waited',
      'acquired',
    ]);
    expect(world.eventsByManager.flatMap(wrongCalls)).toEqual([]);
  });

  it('a call in line for a tick that has run by then tells waited and skipped', async () => {
    const tick = { ...WAITS, tick: 5 };
    const types = await eventsOfWaiter(tick, release, { own: true, holds: tick });
    expect(types).toEqual(['acquiring', 'waiting', 'waited', 'skipped']);
  });

  it.each([WAITS, RETRIES])(
    'a call that waits (%j) for nodes that throw tells waited and an outcome',
    async (options) => {
      const breakAll = ({ world }: Scene): void => {
        for (const node of world.nodes) {
          node.ask = () => {
            throw new Error('broken');
          };
        }
      };
      const types = await eventsOfWaiter({ ...options, retryDelayMs: 100, ttlMs: 1_000 }, breakAll, {
        holds: { autoExtend: false, ttlMs: 500 },
      });
      expect(types).toEqual(['acquiring', 'waiting', 'waited', expect.any(String)]);
    },
  );
});

describe('waiting and waited', () => {
  it.each<[string, AcquireOptions]>([
    ['with a single attempt', {}],
    ['that would wait', WAITS],
    ['that would retry', RETRIES],
    ['that could be aborted', { signal: new AbortController().signal }],
  ])('a call %s tells no wait if it gets its answer at once', async (_how, options) => {
    const world = new VirtualWorld(3);
    const [one, other] = [world.manager(), world.manager()];
    await world.clock.until(one.acquire(R, options));
    await world.clock.until(other.acquire('free', options));
    await world.clock.until(other.tryAcquire(R, { ...options, waitMs: 0, retries: 0 }));
    expect(world.eventsOf('waiting')).toEqual([]);
    expect(world.eventsOf('waited')).toEqual([]);
  });

  it('a wait lasts from the first refusal to the end, however many attempts are refused in between', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const waiting = world.manager().acquire(R, { retries: 5, retryDelayMs: 100 });
    await world.clock.advance(250);
    await world.clock.until(held.release());
    await world.clock.until(waiting);
    // Each attempt takes 2 ms and each pause 100 ms. Three attempts were refused.
    expect(world.eventsOf('waited')).toMatchObject([{ durationMs: 3 * 100 + 3 * 2 }]);
    expect(world.eventsOf('acquired').at(-1)).toMatchObject({ attempts: 4, durationMs: 3 * 100 + 4 * 2 });
  });

  it('a wait lasts from the call to the end if others are in line before it', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    const held = await world.clock.until(holding);
    await world.clock.advance(70);
    await held.release();
    await world.clock.until(waiting, 0);
    expect(world.eventsOf('waited')).toMatchObject([{ durationMs: 72 }]);
  });

  it('a listener that comes during a wait hears its whole length when it ends', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const waiting = locks.acquire(R, { waitMs: 1_000 });
    await world.clock.advance(400);
    const heard: LockEvent[] = [];
    locks.subscribe((event) => heard.push(event));
    await expect(world.clock.until(waiting)).rejects.toThrow();
    const waits = heard.filter(({ type }) => type === 'waiting' || type === 'waited');
    // It is refused after 2 ms, and asks once more at the end, for 2 ms.
    expect(waits).toMatchObject([{ type: 'waited', durationMs: 1_000 }]);
  });

  it('a listener may end a wait by releasing the lease, and all listeners hear the events in order', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const abort = new AbortController();
    const holding = locks.acquire(R, WAITS);
    // A token is reserved for this call, which leaves it to the next one.
    const gone = locks.acquire(R, { ...WAITS, signal: abort.signal }).catch(() => undefined);
    const held = await world.clock.until(holding);
    abort.abort();
    await gone;
    locks.subscribe(({ type }) => type === 'waiting' && void held.release());
    const second: LockEvent[] = [];
    locks.subscribe((event) => second.push(event));
    await world.clock.until(locks.acquire(R, WAITS), 0);
    expect(callEvents(second)).toEqual(['acquiring', 'waiting', 'released', 'waited', 'acquired']);
  });

  it.each([
    ['in line', WAITS],
    ['between two attempts', { retries: 3, retryDelayMs: 30_000 }],
  ])('a listener may end a wait %s by aborting it, at once', async (_where, options) => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const abort = new AbortController();
    locks.subscribe(({ type }) => type === 'waiting' && abort.abort(new Error('enough')));
    const waiting = locks.acquire(R, { ...options, signal: abort.signal });
    await expect(world.clock.until(waiting, 10)).rejects.toThrow('enough');
    expect(world.eventsByManager.flatMap(wrongCalls)).toEqual([]);
  });
});

describe('the id of an event', () => {
  it('numbers the calls of a manager from 1, and those of another manager from 1 as well', async () => {
    const world = new VirtualWorld(3);
    const [one, other] = [world.manager(), world.manager()];
    for (const locks of [one, one, other]) {
      await world.clock.until((await world.clock.until(locks.acquire(R))).release());
    }
    expect(world.eventsOf('acquired').map(({ id }) => id)).toEqual([1, 2, 1]);
    expect(world.eventsOf('released').map(({ id }) => id)).toEqual([1, 2, 1]);
  });

  it('is repeated by extensions, the loss and the votes of the lease', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.acquire('other'));
    const lease = await world.clock.until(locks.acquire(R, { ttlMs: 1_000, autoExtend: false }));
    const before = world.events.length;
    await world.clock.until(lease.extend());
    await world.clock.advance(1_000);
    await world.clock.until(lease.release());
    const told = world.events.slice(before).flatMap((event) => ('id' in event ? [event] : []));
    expect(new Set(told.map(({ type }) => type))).toEqual(new Set(['vote', 'extended', 'lost']));
    expect(new Set(told.map((event) => (event.type === 'vote' ? event.op : event.type)))).toEqual(
      new Set(['extend', 'extended', 'lost', 'release']),
    );
    expect(new Set(told.map(({ id }) => id))).toEqual(new Set([2]));
  });

  it('is that of the call in all votes of its rounds, also those that are undone', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.acquire('other'));
    world.nodes[0]!.down();
    world.nodes[1]!.down();
    await expect(world.clock.until(locks.acquire(R))).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    await world.clock.advance(1_000);
    const votes = world.eventsOf('vote').filter(({ id }) => id !== 1);
    expect(new Set(votes.map(({ op }) => op))).toEqual(new Set(['acquire', 'release']));
    expect(new Set(votes.map(({ id }) => id))).toEqual(new Set([2]));
  });

  it('is that of the new lease once keys were handed over, for the votes on them too', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    await (await world.clock.until(holding)).release();
    const lease = await world.clock.until(waiting, 0);
    const before = world.events.length;
    await world.clock.until(lease.extend());
    await world.clock.until(lease.release());
    const told = world.events.slice(before).flatMap((event) => ('id' in event ? [event.id] : []));
    expect(new Set(told)).toEqual(new Set([2]));
  });
});

describe('any life of two managers', () => {
  const ms = (max: number) => fc.integer({ min: 0, max });
  const ways: fc.Arbitrary<AcquireOptions> = fc.oneof(
    fc.constant({}),
    ms(400).map((waitMs) => ({ waitMs: waitMs + 1 })),
    fc.tuple(ms(4), ms(60)).map(([retries, delayMs]) => ({ retries, retryDelayMs: delayMs + 1 })),
  );
  const isWait = ({ type }: LockEvent): boolean => type === 'waiting' || type === 'waited';
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

  it('tells each call once, in order and under its id, and a late listener misses no end of a wait', async () => {
    let waits = 0;
    await fc.assert(
      fc.asyncProperty(life, async ({ calls, end, outage, listenerAtMs, fallback }) => {
        const world = new VirtualWorld(3);
        const { clock } = world;
        const after = (delayMs: number): Promise<void> =>
          new Promise((resolve) => void clock.setTimer(resolve, delayMs));
        const processes = [world.manager({ fallback }), world.manager({ fallback })];
        const late: LockEvent[] = [];
        let toldBefore = 0;
        const makeCall = async ({ process, atMs, resource, way, ttlMs, holdMs, abortAtMs }: Call) => {
          await after(atMs);
          const abort = new AbortController();
          if (abortAtMs !== null) clock.setTimer(() => abort.abort(), abortAtMs);
          const options = { ...way, ttlMs, signal: abort.signal };
          const lease = await processes[process]!.acquire(resource, options).catch(() => undefined);
          await after(holdMs ?? 1_000);
          await lease?.release();
        };
        const endOne = async (): Promise<void> => {
          if (end === null) return;
          await after(end.atMs);
          const ended = processes[end.process]!;
          if (end.close) await ended.close();
          else ended.drain();
        };
        const breakNodes = async (): Promise<void> => {
          if (outage === null) return;
          const broken = world.nodes.slice(0, outage.nodes);
          await after(outage.fromMs);
          broken.forEach((node) => node.down());
          await after(outage.forMs);
          broken.forEach((node) => node.up());
        };
        const listenLate = async (): Promise<void> => {
          await after(listenerAtMs);
          for (const locks of processes) locks.subscribe((event) => isWait(event) && late.push(event));
          toldBefore = world.events.length;
        };
        await clock.until(Promise.all([...calls.map(makeCall), endOne(), breakNodes(), listenLate()]));
        waits += world.eventsOf('waiting').length;
        expect(world.eventsByManager.flatMap(wrongCalls)).toEqual([]);
        expect(late).toEqual(world.events.slice(toldBefore).filter(isWait));
      }),
      { numRuns: 150 },
    );
    // Otherwise it would prove nothing.
    expect(waits).toBeGreaterThan(150);
  });
});

describe('wrongCalls', () => {
  const about = { id: 1, name: 'job', resources: ['job'] };
  const acquiring: LockEvent = { ...about, type: 'acquiring' };
  const waiting: LockEvent = { ...about, type: 'waiting' };
  const waited: LockEvent = { ...about, type: 'waited', durationMs: 5 };
  const aborted: LockEvent = { ...about, type: 'aborted', durationMs: 6 };
  const lease = { ...about, token: 7 };
  const acquired: LockEvent = { ...lease, type: 'acquired', attempts: 1, durationMs: 4, fallback: false };
  const released: LockEvent = { ...lease, type: 'released', heldMs: 2_000, acknowledged: 3 };
  const vote: LockEvent = { id: 1, type: 'vote', node: 'a', op: 'acquire', vote: 'granted', durationMs: 1 };

  it.each<[string, LockEvent[]]>([
    ['a wait', [acquiring, waiting, waited, aborted]],
    ['no wait', [acquiring, aborted]],
    ['a lease', [acquiring, vote, acquired, released, vote]],
    ['a lease that is still held', [acquiring, acquired]],
  ])('finds nothing wrong with a call that has %s', (_what, events) => {
    expect(wrongCalls(events)).toEqual([]);
  });

  it.each<[string, LockEvent[], number]>([
    ['no beginning', [aborted], 1],
    ['two beginnings', [acquiring, acquiring, aborted], 1],
    ['no outcome', [acquiring], 1],
    ['two outcomes', [acquiring, acquired, aborted], 1],
    ['a wait without an end', [acquiring, waiting, aborted], 2],
    ['an end of a wait without a beginning', [acquiring, waited, aborted], 1],
    ['an end of a wait before its beginning', [acquiring, waited, waiting, aborted], 4],
    ['two ends of a wait', [acquiring, waiting, waited, waited, aborted], 1],
    ['two waits', [acquiring, waiting, waited, waiting, waited, aborted], 1],
    ['another name', [acquiring, waiting, { ...waited, name: 'other' }, aborted], 1],
    ['the end of its wait after its outcome', [acquiring, waiting, aborted, waited], 1],
    ['a wait shorter than nothing', [acquiring, waiting, { ...waited, durationMs: -1 }, aborted], 1],
    ['a release without a lease', [acquiring, aborted, released], 1],
    ['two releases', [acquiring, acquired, released, released], 1],
    ['a vote of another call', [acquiring, { ...vote, id: 2 }, aborted], 1],
  ])('finds what is wrong with a call that has %s', (_what, events, count) => {
    expect(wrongCalls(events)).toHaveLength(count);
  });
});
