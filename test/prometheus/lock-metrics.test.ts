import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { Registry, register as globalRegister, type OpenMetricsContentType } from 'prom-client';
import type { LockEvent, LockListener } from '../../src/index.js';
import { testLocks } from '../../src/testing/index.js';
import { lockMetrics, METRIC_NAMES, METRICS } from '../../src/prometheus/index.js';
import { reading, readings } from './readings.js';

const call = { id: 1, name: 'report', resources: ['report'] };
const lease = { ...call, token: 7 };
const acquired: LockEvent = { ...lease, type: 'acquired', attempts: 1, durationMs: 4, fallback: false };
const released: LockEvent = { ...lease, type: 'released', heldMs: 2_000, acknowledged: 3 };
const lost = (reason: Extract<LockEvent, { type: 'lost' }>['reason']): LockEvent => ({
  ...lease,
  type: 'lost',
  heldMs: 90_000,
  reason,
});
const skipped = (reason: Extract<LockEvent, { type: 'skipped' }>['reason']): LockEvent => ({
  ...call,
  type: 'skipped',
  reason,
  owner: undefined,
  durationMs: 2,
});
const failed = (reason: Extract<LockEvent, { type: 'failed' }>['reason']): LockEvent => ({
  ...call,
  type: 'failed',
  reason,
  error: new Error('no majority'),
  durationMs: 250,
});
const node = (status: Extract<LockEvent, { type: 'node' }>['node']['status']): LockEvent => ({
  type: 'node',
  node: { name: 'a:6379', status },
});
const candidate: LockEvent = { type: 'candidate', name: 'report', resources: ['report'], worker: 'a:1' };
const waiting = (id: number): LockEvent => ({ ...call, id, type: 'waiting' });
const waited = (id: number, durationMs = 400): LockEvent => ({ ...call, id, type: 'waited', durationMs });
const vote = (answer: Extract<LockEvent, { type: 'vote' }>['vote']): LockEvent => ({
  type: 'vote',
  id: 1,
  node: 'a:6379',
  op: 'acquire',
  vote: answer,
  durationMs: 1,
});

describe('lockMetrics', () => {
  let register: Registry;
  let listener: LockListener;

  beforeEach(() => {
    register = new Registry();
    listener = lockMetrics({ register });
  });

  const hear = (...events: readonly LockEvent[]) => events.forEach((event) => listener(event));
  const read = (name: string, labels?: Record<string, string>) => reading(register, name, labels);

  it('a lock has a leader only if somebody stands for election, and a late listener counts no end down', async () => {
    const about = { ...lease, worker: 'a:1' };
    const deposed: LockEvent = { ...about, type: 'deposed', reason: 'resigned', ledMs: 7 };
    hear({ type: 'declared', name: 'other' }, deposed);
    expect(await register.metrics()).not.toContain('quorlock_leader{');
    hear(candidate);
    expect(await read(METRICS.leader, { lock: 'report' })).toBe(0);
    hear({ ...about, type: 'elected' });
    expect(await read(METRICS.leader, { lock: 'report' })).toBe(1);
    hear(deposed, deposed);
    expect(await read(METRICS.leader, { lock: 'report' })).toBe(0);
  });

  it('events are counted under the name of their lock, never under a resource', async () => {
    hear({ ...acquired, resources: ['invoice:4711'] }, { ...released, resources: ['invoice:4711'] });
    expect(await read(METRICS.acquired, { lock: 'report' })).toBe(1);
    expect(await read(METRICS.released, { lock: 'report' })).toBe(1);
    expect(await register.metrics()).not.toContain('4711');
  });

  it('names beyond a thousand share one series, whatever comes of them, with one warning', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const named = (at: number, event: LockEvent): LockEvent =>
      ({ ...event, id: at, name: `n${at}` }) as LockEvent;
    for (let at = 0; at < 1_003; at++) hear(named(at, acquired));
    hear(named(7, released), named(1_001, released));
    expect(await read(METRICS.acquired, { lock: 'n999' })).toBe(1);
    expect(await read(METRICS.acquired, { lock: 'n1000' })).toBeUndefined();
    expect(await read(METRICS.acquired, { lock: '(other)' })).toBe(3);
    expect(await read(METRICS.leasesHeld, { lock: 'n7' })).toBe(0);
    expect(await read(METRICS.leasesHeld, { lock: '(other)' })).toBe(2);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^metrics: there are more than 1000 names of locks, /), 'QuorlockWarning'],
    ]);
    warn.mockRestore();
  });

  it.each(['held', 'already_ran', 'draining'] as const)('a skip counts as %s', async (reason) => {
    hear(skipped(reason), skipped(reason));
    expect(await read(METRICS.skipped, { lock: 'report', reason })).toBe(2);
    expect(await read(`${METRICS.acquireDuration}_count`, { lock: 'report', outcome: 'skipped' })).toBe(2);
  });

  it.each(['unreachable', 'untrusted', 'contended'] as const)(
    'a failure counts as %s, and not as a skip',
    async (reason) => {
      hear(failed(reason));
      expect(await read(METRICS.failed, { lock: 'report', reason })).toBe(1);
      expect(await read(METRICS.skipped, { lock: 'report', reason: 'held' })).toBe(0);
      expect(await read(`${METRICS.acquireDuration}_count`, { lock: 'report', outcome: 'failed' })).toBe(1);
    },
  );

  it.each(['unreachable', 'mismatch', 'taken', 'not_extended', 'max_hold', 'stalled', 'closed'] as const)(
    'a lease that was lost (%s) counts once in quorlock_expired_total, is not released and no longer held',
    async (reason) => {
      hear(acquired, lost(reason));
      expect(await read(METRICS.expired, { lock: 'report', reason })).toBe(1);
      expect(await read(METRICS.released, { lock: 'report' })).toBe(0);
      expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(0);
    },
  );

  it('an aborted call has an acquire duration and no other count', async () => {
    hear({ ...call, type: 'aborted', durationMs: 1_500 });
    expect(await read(`${METRICS.acquireDuration}_sum`, { lock: 'report', outcome: 'aborted' })).toBe(1.5);
    const counted = (await readings(register)).filter(
      ({ name, value }) => name.endsWith('_total') && value > 0,
    );
    expect(counted).toEqual([]);
  });

  it('extensions are counted by their outcome', async () => {
    const extended = {
      ...call,
      type: 'extended',
      headroomMs: 20_000,
      ttlMs: 30_000,
    } as const;
    hear(
      { ...extended, outcome: 'extended' },
      { ...extended, outcome: 'extended' },
      { ...extended, outcome: 'failed' },
    );
    expect(await read(METRICS.extensions, { lock: 'report', outcome: 'extended' })).toBe(2);
    expect(await read(METRICS.extensions, { lock: 'report', outcome: 'failed' })).toBe(1);
  });

  it('durations are in seconds, and released and lost leases both have a hold duration', async () => {
    hear(acquired, released, { ...acquired, id: 8 }, { ...lost('taken'), id: 8 } as LockEvent);
    const labels = { lock: 'report', outcome: 'acquired' };
    expect(await read(`${METRICS.acquireDuration}_sum`, labels)).toBeCloseTo(0.008, 9);
    expect(await read(`${METRICS.acquireDuration}_bucket`, { ...labels, le: '0.0025' })).toBe(0);
    expect(await read(`${METRICS.acquireDuration}_bucket`, { ...labels, le: '0.005' })).toBe(2);
    expect(await read(`${METRICS.holdDuration}_sum`, { lock: 'report' })).toBe(92);
    expect(await read(`${METRICS.holdDuration}_count`, { lock: 'report' })).toBe(2);
  });

  it('the delay of the event loop is observed, and its series exists before the first delay', async () => {
    expect(await read(`${METRICS.loopDelay}_count`, {})).toBe(0);
    listener({ type: 'stalled', delayMs: 1_500 });
    expect(await read(`${METRICS.loopDelay}_count`, {})).toBe(1);
    expect(await read(`${METRICS.loopDelay}_sum`, {})).toBe(1.5);
  });

  it('a release by force is counted, and its series exists before the first one', async () => {
    expect(await read(METRICS.forceReleases, {})).toBe(0);
    const about = { name: 'force-release', resources: ['report'], holder: 'a:1', worker: 'b:1' };
    listener({ ...about, type: 'force_released', reason: 'hangs' });
    expect(await read(METRICS.forceReleases, {})).toBe(1);
  });

  it('the bounds of the buckets come from the options', async () => {
    const own = new Registry();
    lockMetrics({ register: own, acquireBuckets: [0.5], holdBuckets: [7], waitBuckets: [3] })(acquired);
    const bounds = (await readings(own)).flatMap(({ name, labels }) =>
      name.endsWith('_bucket') && name !== `${METRICS.loopDelay}_bucket` ? [`${name} ${labels['le']}`] : [],
    );
    expect([...new Set(bounds)]).toEqual([
      `${METRICS.acquireDuration}_bucket 0.5`,
      `${METRICS.acquireDuration}_bucket +Inf`,
      `${METRICS.waitDuration}_bucket 3`,
      `${METRICS.waitDuration}_bucket +Inf`,
      `${METRICS.holdDuration}_bucket 7`,
      `${METRICS.holdDuration}_bucket +Inf`,
    ]);
  });

  it.each([[[1, 1]], [[5, 1]], [[0, 1]], [[1, Number.NaN]], [[1, Infinity]]])(
    'lockMetrics refuses the bucket bounds %j',
    (bounds) => {
      expect(() => lockMetrics({ register, acquireBuckets: bounds })).toThrow(
        /^acquireBuckets must be numbers above zero/,
      );
      expect(() => lockMetrics({ register, holdBuckets: bounds })).toThrow(RangeError);
      expect(() => lockMetrics({ register, waitBuckets: bounds })).toThrow(/^waitBuckets/);
    },
  );

  it.each<[string, unknown, string]>([
    ['a registry in the place of the options', new Registry(), 'give the registry as { register }'],
    [
      'a misspelt option',
      { registry: new Registry() },
      'lockMetrics: unknown option "registry"; the options are register, acquireBuckets',
    ],
    ['an event, as of a listener that was not called', acquired, 'lockMetrics: unknown option "'],
    ['what is no registry', { register: {} }, 'register must be a registry of prom-client, got object'],
    ['a manager', testLocks().manager, 'lockMetrics takes no manager: write manager.subscribe'],
    ['nothing', null, 'lockMetrics takes an object of options, got null'],
    ['a number of buckets', { holdBuckets: 7 }, 'holdBuckets must be a list of numbers, got 7'],
  ])('lockMetrics refuses %s: the metrics would be nowhere', (_name, options, message) => {
    expect(() => lockMetrics(options as object)).toThrow(message);
  });

  it('the last run is the time when the lock was last acquired, in seconds', async () => {
    const before = Date.now() / 1000;
    hear(acquired);
    const lastRun = await read(METRICS.lastRun, { lock: 'report' });
    expect(lastRun).toBeGreaterThanOrEqual(before);
    expect(lastRun).toBeLessThanOrEqual(Date.now() / 1000);
  });

  it('held leases are counted up and down', async () => {
    const other = { ...acquired, resources: ['other'] };
    hear(acquired, other);
    expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(2);
    hear(released);
    expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(1);
  });

  it('a lease whose beginning was not heard is not counted down', async () => {
    hear(released, lost('closed'));
    expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(0);
    expect(await read(METRICS.released, { lock: 'report' })).toBe(1);
  });

  it('one listener counts two leases of one resource, held by two managers without fencing', async () => {
    const unfenced = { ...acquired, token: undefined };
    hear(unfenced, unfenced);
    expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(2);
    hear({ ...released, token: undefined });
    expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(1);
  });

  it('waiters are counted up and down, and their wait duration is observed', async () => {
    hear(waiting(1), waiting(2));
    expect(await read(METRICS.waiters, { lock: 'report' })).toBe(2);
    hear(waited(1));
    expect(await read(METRICS.waiters, { lock: 'report' })).toBe(1);
    expect(await read(`${METRICS.waitDuration}_sum`, { lock: 'report' })).toBe(0.4);
    expect(await read(`${METRICS.waitDuration}_bucket`, { lock: 'report', le: '0.25' })).toBe(0);
    expect(await read(`${METRICS.waitDuration}_bucket`, { lock: 'report', le: '0.5' })).toBe(1);
    for (const outcome of ['acquired', 'skipped', 'failed', 'aborted'])
      expect(await read(`${METRICS.acquireDuration}_count`, { lock: 'report', outcome })).toBe(0);
  });

  it('a wait whose beginning was not heard is not counted down, but its duration is observed', async () => {
    hear(waiting(3), waited(1), waited(2));
    expect(await read(METRICS.waiters, { lock: 'report' })).toBe(1);
    expect(await read(`${METRICS.waitDuration}_count`, { lock: 'report' })).toBe(2);
    hear(waited(3));
    expect(await read(METRICS.waiters, { lock: 'report' })).toBe(0);
  });

  it('waiters are the waits whose beginning was heard and whose end was not, from any event on', async () => {
    const places = fc.array(fc.nat(4), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(places, fc.nat(40), async (turns, from) => {
        const own = new Registry();
        const hears = lockMetrics({ register: own });
        const open = new Map<number, { readonly wait: number; readonly isHeard: boolean }>();
        for (const [index, place] of turns.entries()) {
          const isHeard = index >= from;
          const before = open.get(place);
          if (before === undefined) open.set(place, { wait: index, isHeard });
          else open.delete(place);
          if (!isHeard) continue;
          hears(before === undefined ? waiting(index) : waited(before.wait));
          const heard = [...open.values()].filter((one) => one.isHeard).length;
          expect(await reading(own, METRICS.waiters, { lock: 'report' })).toBe(heard);
        }
      }),
    );
  });

  it('the current state of a node is 1 and its other states are 0', async () => {
    const states = async () =>
      Object.fromEntries(
        (await readings(register)).flatMap(({ name, labels, value }) =>
          name === METRICS.nodeState ? [[labels['state'], value]] : [],
        ),
      );
    hear(node('connecting'));
    expect(await states()).toEqual({
      connecting: 1,
      new: 0,
      untrusted: 0,
      ready: 0,
      unreachable: 0,
      misconfigured: 0,
      closed: 0,
    });
    hear(node('ready'), node('ready'), node('unreachable'));
    expect(await states()).toEqual({
      connecting: 0,
      new: 0,
      untrusted: 0,
      ready: 0,
      unreachable: 1,
      misconfigured: 0,
      closed: 0,
    });
  });

  it('votes are counted by node and answer, and all answers of a known node begin at zero', async () => {
    hear(node('ready'), vote('granted'), vote('timeout'), vote('granted'));
    expect(await read(METRICS.votes, { node: 'a:6379', vote: 'granted' })).toBe(2);
    expect(await read(METRICS.votes, { node: 'a:6379', vote: 'timeout' })).toBe(1);
    expect(await read(METRICS.votes, { node: 'a:6379', vote: 'late' })).toBe(0);
  });

  it('the fallback is 1 while it is active, even if it is reported twice', async () => {
    expect(await read(METRICS.fallbackActive)).toBe(0);
    hear(
      { type: 'fallback', active: true, reason: 'no majority' },
      { type: 'fallback', active: true, reason: 'still' },
    );
    expect(await read(METRICS.fallbackActive)).toBe(1);
    hear({ type: 'fallback', active: false, reason: 'the nodes are back' });
    expect(await read(METRICS.fallbackActive)).toBe(0);
  });

  it('the fallback is 0 once the manager has closed its nodes', async () => {
    hear(node('ready'), { type: 'fallback', active: true, reason: 'no majority' }, node('closed'));
    expect(await read(METRICS.fallbackActive)).toBe(0);
  });

  it('every series of a declared lock is at zero before its first event', async () => {
    hear({ type: 'declared', name: 'report' });
    const series = (await readings(register)).filter(({ labels }) => labels['lock'] === 'report');
    expect(series.every(({ value }) => value === 0)).toBe(true);
    const declared = series.map(({ name, labels: { lock, ...rest } }) =>
      [lock, name, ...Object.values(rest)].join(' '),
    );
    hear(acquired, released, lost('taken'), skipped('held'), failed('contended'), waiting(1), waited(1));
    hear({ ...call, type: 'aborted', durationMs: 1 });
    const later = (await readings(register)).filter(({ labels }) => labels['lock'] === 'report');
    expect(declared).toHaveLength(later.length);
    expect(declared).toEqual(
      expect.arrayContaining([`report ${METRICS.acquired}`, `report ${METRICS.skipped} already_ran`]),
    );
  });

  it('the other series of a lock that was never declared are at zero from its first event', async () => {
    hear(acquired);
    expect(await read(METRICS.expired, { lock: 'report', reason: 'unreachable' })).toBe(0);
    expect(await read(METRICS.failed, { lock: 'report', reason: 'unreachable' })).toBe(0);
  });

  it('every listed metric has a series, and every registered metric is listed', async () => {
    hear(candidate, acquired, node('ready'));
    const known = { nextTick: 2_000, lastTick: 1_000, lastSuccess: 1_000 };
    hear({ type: 'schedule', name: 'report', resources: ['report'], ...known });
    const names = (await register.getMetricsAsJSON()).map(({ name }) => name);
    expect(names.sort()).toEqual([...METRIC_NAMES].sort());
    const exposed = await register.metrics();
    for (const name of METRIC_NAMES) expect(exposed).toMatch(new RegExp(`^${name}(_count)?[{ ]`, 'm'));
  });

  describe('on a registry that two managers share', () => {
    let second: LockListener;

    beforeEach(() => {
      second = lockMetrics({ register });
    });

    it('a registry that two managers share adds up their counts', async () => {
      hear(acquired, released);
      second(acquired);
      expect(await read(METRICS.acquired, { lock: 'report' })).toBe(2);
      expect(await read(METRICS.leasesHeld, { lock: 'report' })).toBe(1);
    });

    it('a second manager that declares the same lock keeps what the first has observed', async () => {
      hear(acquired, released);
      second({ type: 'declared', name: 'report' });
      expect(await read(`${METRICS.holdDuration}_count`, { lock: 'report' })).toBe(1);
      expect(await read(METRICS.acquired, { lock: 'report' })).toBe(1);
      expect(await read(METRICS.lastRun, { lock: 'report' })).toBeGreaterThan(0);
    });

    it('a node state counts the managers that see it, so one cannot hide what another sees', async () => {
      hear(node('ready'));
      second(node('unreachable'));
      expect(await read(METRICS.nodeState, { state: 'ready' })).toBe(1);
      expect(await read(METRICS.nodeState, { state: 'unreachable' })).toBe(1);
      second(node('closed'));
      expect(await read(METRICS.nodeState, { state: 'ready' })).toBe(1);
      expect(await read(METRICS.nodeState, { state: 'unreachable' })).toBe(0);
    });

    it('the fallback of two managers is shown until neither is in it', async () => {
      hear({ type: 'fallback', active: true, reason: 'no majority' });
      second({ type: 'fallback', active: true, reason: 'no majority' });
      hear({ type: 'fallback', active: false, reason: 'back' });
      expect(await read(METRICS.fallbackActive)).toBe(1);
    });
  });

  it('metrics are registered again after the registry was cleared', async () => {
    register.clear();
    lockMetrics({ register })(acquired);
    expect(await read(METRICS.acquired, { lock: 'report' })).toBe(1);
    expect(await read(`${METRICS.acquireDuration}_count`, { outcome: 'acquired' })).toBe(1);
  });

  it('lockMetrics uses the global registry of prom-client by default', async () => {
    lockMetrics()(acquired);
    expect(await reading(globalRegister, METRICS.acquired, { lock: 'report' })).toBe(1);
    globalRegister.clear();
  });

  it('a registry in the OpenMetrics format works over several scrapes', async () => {
    const open = new Registry<OpenMetricsContentType>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    lockMetrics({ register: open })(acquired);
    await open.metrics();
    lockMetrics({ register: open })(released);
    expect(await open.metrics()).toContain(`${METRICS.released}{lock="report"} 1`);
  });
});
