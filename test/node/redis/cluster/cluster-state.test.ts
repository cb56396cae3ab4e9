import { describe, expect, it } from '@jest/globals';
import type { MemberList } from '../../../../src/core/membership/member-list.js';
import type { NodeRecord, NodeState } from '../../../../src/node/node-state.js';
import { clusterStateOf } from '../../../../src/node/redis/cluster/cluster-state.js';
import {
  isPartOf,
  shardMarkerOf,
  topologyOf,
  type ShardPlace,
} from '../../../../src/node/redis/cluster/topology.js';
import { slotOf } from '../../../../src/node/redis/protocol/key-slot.js';

const list = (epoch: number): MemberList => ({ id: `list-${epoch}`, epoch, members: [], isAccepted: false });
const record = (epoch: number | undefined): NodeRecord => ({
  memory: 'memory',
  sequence: 1,
  pair: epoch === undefined ? undefined : { list: list(epoch), previous: undefined },
  inForceAt: 5,
  writtenAt: 5,
});

const READY: NodeState = { status: 'ready', serverId: 'run', id: 'own', record: record(3) };
const NEW: NodeState = { status: 'new' };
const FORGOT: NodeState = { status: 'untrusted', reason: 'it forgot', trustedAt: 70 };
const GONE: NodeState = { status: 'unreachable', reason: 'ECONNREFUSED' };
const BAD: NodeState = { status: 'misconfigured', reason: 'it is a replica' };
const COMING: NodeState = { status: 'connecting' };

const whole = (states: readonly NodeState[], { unserved = 0, isStarting = false } = {}): NodeState =>
  clusterStateOf(
    states.map((state, index) => ({ name: String(index), state })),
    states[0] && { state: states[0] },
    unserved,
    isStarting,
  );

describe('the state of a Cluster', () => {
  it.each<[string, readonly NodeState[], Partial<NodeState>]>([
    ['ready if all shards are', [READY, READY], { status: 'ready', serverId: 'run', id: 'own' }],
    ['new if all shards are', [NEW, NEW], { status: 'new' }],
    [
      'new, with what keeps a shard new',
      [
        { ...NEW, reason: 'it is new, or has lost everything' },
        { ...NEW, reason: 'it is full' },
      ],
      { status: 'new', reason: 'shard 1: it is full' },
    ],
    [
      'ready, with the cautions of all shards, and what several have in common once',
      [
        { ...READY, cautions: ['may not call INFO'] },
        { ...READY, cautions: ['may not call INFO', 'may evict'] },
      ],
      { status: 'ready', cautions: ['shard 0: may not call INFO', 'shard 1: may evict'] },
    ],
    [
      'ready, with what a shard waits for',
      [READY, { ...READY, reason: 'it is full' }],
      { status: 'ready', reason: 'shard 1: it is full' },
    ],
    ['that of a shard that forgot', [READY, FORGOT], { status: 'untrusted', reason: 'shard 1: it forgot' }],
    ['untrusted as long as the last of them', [{ ...FORGOT, trustedAt: 90 }, FORGOT], { trustedAt: 90 }],
    ['untrusted, though another shard is gone', [GONE, FORGOT], { status: 'untrusted' }],
    ['untrusted if one is new and others are not', [READY, NEW], { status: 'untrusted' }],
    ['untrusted if one is new and another cannot be asked', [GONE, NEW], { status: 'untrusted' }],
    [
      'that of a shard that is gone',
      [READY, GONE],
      { status: 'unreachable', reason: 'shard 1: ECONNREFUSED' },
    ],
    [
      'that of a shard that must not vote',
      [GONE, BAD],
      { status: 'misconfigured', reason: 'shard 1: it is a replica' },
    ],
    ['unreachable while a shard is being connected to', [READY, COMING], { status: 'unreachable' }],
  ])('the state of a Cluster is %s', (_claim, states, expected) => {
    expect(whole(states)).toMatchObject(expected);
  });

  it.each<[string, readonly (number | undefined)[], number | undefined]>([
    ['the record that all shards have', [3, 3], 3],
    ['the oldest record while they differ', [3, 2], 2],
    ['no record if one shard has none', [3, undefined], undefined],
  ])('a Cluster has %s', (_claim, epochs, expected) => {
    const states = epochs.map((epoch) => ({ ...READY, record: record(epoch) }));
    expect(whole(states).record?.pair?.list.epoch).toBe(expected);
    expect(whole(states).record?.memory).toBe('memory, memory');
  });

  it('a Cluster is connecting at the start, until all shards are known', () => {
    expect(whole([NEW, COMING], { isStarting: true })).toEqual({ status: 'connecting' });
    expect(whole([READY, COMING], { isStarting: true })).toEqual({ status: 'connecting' });
    expect(whole([GONE, NEW], { isStarting: true }).status).toBe('untrusted');
  });

  it('a Cluster with slots that nobody serves is unreachable, and never new', () => {
    expect(whole([READY], { unserved: 5 })).toMatchObject({
      status: 'unreachable',
      reason: '5 of its slots are served by no master',
    });
    expect(whole([NEW], { unserved: 5 }).status).not.toBe('new');
  });

  it('a Cluster has the id of the shard of the first slot, and the clock that differs most from ours', () => {
    const clock = (clockOffsetMs: number): NodeState => ({ ...READY, clockOffsetMs, ownGapMs: 1_000 });
    expect(whole([clock(1_001), clock(999), clock(7_000)])).toMatchObject({
      id: 'own',
      clockOffsetMs: 7_000,
    });
    expect(whole([clock(-5_000), clock(1_001)])).toMatchObject({ clockOffsetMs: -5_000 });
  });
});

const place = (more: Partial<ShardPlace> = {}): ShardPlace => ({
  id: 'a',
  host: 'h',
  port: 1,
  epoch: 3,
  ranges: [[0, 100]],
  ...more,
});

describe('the marker of a shard', () => {
  it.each<[string, Partial<ShardPlace>]>([
    ['another server', { id: 'b' }],
    ['a higher epoch', { epoch: 4 }],
    ['more slots', { ranges: [[0, 101]] }],
    ['fewer slots', { ranges: [[0, 99]] }],
  ])('the marker of a shard is another one for %s', (_claim, more) => {
    expect(shardMarkerOf('lock:', place(more))).not.toBe(shardMarkerOf('lock:', place()));
  });

  it('the marker of a shard is the same at another address', () => {
    expect(shardMarkerOf('lock:', place({ host: 'i', port: 2 }))).toBe(shardMarkerOf('lock:', place()));
  });

  it.each(['lock:', '', '{app}:', 'a{b', '{}', '}{x}'])(
    'the marker of a shard is in one of its slots, with the prefix %j',
    (prefix) => {
      for (const ranges of [[[0, 100]], [[9_000, 9_100]], [[16_380, 16_383]]] as const) {
        const slot = slotOf(shardMarkerOf(prefix, place({ ranges })));
        expect(slot).toBeGreaterThanOrEqual(ranges[0][0]);
        expect(slot).toBeLessThanOrEqual(ranges[0][1]);
      }
    },
  );
});

it.each<[string, Partial<ShardPlace>, boolean]>([
  ['the same', {}, true],
  [
    'the same with fewer slots',
    {
      ranges: [
        [0, 9],
        [20, 30],
      ],
    },
    true,
  ],
  ['one with one more slot', { ranges: [[0, 101]] }, false],
  [
    'one with another slot',
    {
      ranges: [
        [0, 9],
        [200, 200],
      ],
    },
    false,
  ],
  ['one that took its slots over again', { epoch: 4 }, false],
  ['another server', { id: 'b' }, false],
])('whether a shard remembers everything that it knew as %s: %#', (_claim, more, expected) => {
  expect(isPartOf(place(more), place())).toBe(expected);
});

describe('the topology of a Cluster', () => {
  const nodes =
    'aa 10.0.0.1:7000@17000 myself,master - 0 0 7 connected 0-9 20\n' +
    'bb 10.0.0.2:7000@17000,host-b master - 0 0 9 connected 10-19\n';

  it('the topology joins neighbouring slots and fills in an unknown address', () => {
    const slots = [
      [20, 20, ['', 7000, 'aa', []]],
      [5, 9, [null, 7000, 'aa', []], ['10.0.0.9', 7000, 'cc', []]],
      [0, 4, ['?', 7000, 'aa', []]],
      [10, 19, ['host-b', 7000, 'bb', ['ip', '10.0.0.2']]],
    ];
    expect(topologyOf(slots, nodes, 'asked')).toEqual({
      epoch: 9,
      shards: [
        {
          id: 'aa',
          host: 'asked',
          port: 7000,
          epoch: 7,
          ranges: [
            [0, 9],
            [20, 20],
          ],
        },
        { id: 'bb', host: 'host-b', port: 7000, epoch: 9, ranges: [[10, 19]] },
      ],
    });
  });

  it('the topology is empty if a server answers with something else', () => {
    expect(topologyOf('nonsense', undefined, 'asked')).toEqual({ epoch: 0, shards: [] });
    const places = [
      [0, 16_384, ['h', 1, 'a']],
      [-1, 5, ['h', 1, 'a']],
      [9, 5, ['h', 1, 'a']],
      ['x', 5, ['h', 1, 'a']],
      [0, 5, 'h'],
      [0, 5],
      null,
    ];
    expect(topologyOf(places, nodes, 'asked').shards).toEqual([]);
  });
});
