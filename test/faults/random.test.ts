import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canStepClocks } from './harness/nodes.js';
import { runFaults, type RunResult } from './harness/run.js';
import { firstList, randomSchedule, type Fault } from './harness/schedule.js';

/** Every kind of fault once. Two faults overlap only if a majority of nodes stays healthy. */
const FAULTS: readonly Fault[] = [
  { kind: 'node-stop', atMs: 1_500, forMs: 1_200, nodes: [0] },
  { kind: 'worker-stop', atMs: 2_000, forMs: 1_500, workers: [0] },
  { kind: 'link', atMs: 3_200, forMs: 800, nodes: [1], workers: [0, 1, 2], link: { loseReplies: true } },
  { kind: 'worker-kill', atMs: 3_800, forMs: 0, workers: [1] },
  { kind: 'link', atMs: 4_500, forMs: 900, nodes: [0, 1, 2], workers: [2], link: { hold: 'both' } },
  { kind: 'node-stop', atMs: 5_800, forMs: 1_200, nodes: [1, 2] },
  { kind: 'reset', atMs: 7_500, forMs: 0, nodes: [0], workers: [0, 1, 2] },
  {
    kind: 'link',
    atMs: 8_000,
    forMs: 1_000,
    nodes: [2],
    workers: [0, 1, 2],
    link: { latencyMs: 30, jitterMs: 60 },
  },
  { kind: 'worker-block', atMs: 8_500, forMs: 900, workers: [2] },
  { kind: 'node-kill', atMs: 9_500, forMs: 400, nodes: [2], data: 'lost' },
  { kind: 'link', atMs: 10_500, forMs: 700, nodes: [0, 1], workers: [0], link: { refuse: true } },
  // Of the node that was killed: each of the two costs it its vote about the ticks of the next minute.
  ...(canStepClocks
    ? [{ kind: 'clock-step', atMs: 13_000, forMs: 1_500, nodes: [2], byMs: 5_000 } as const]
    : []),
];

describe('three nodes and three workers under every kind of fault', () => {
  let result: RunResult;
  const lines: string[] = [];

  beforeAll(async () => {
    result = await runFaults({
      seed: 1,
      nodes: 3,
      workers: 3,
      faults: FAULTS,
      seconds: 17,
      maxTtlMs: 2_000,
      resources: [
        { name: 'short', ttlMs: 400 },
        { name: 'long', ttlMs: 2_000 },
      ],
      say: (line) => lines.push(line),
    });
  });

  afterAll(() => {
    if (Object.values(result.findings).some(({ length }) => length > 0)) console.log(lines.join('\n'));
  });

  it('workers acquire leases, write and run ticks under every kind of fault', () => {
    expect(result.acquired).toBeGreaterThan(0);
    expect(result.writes).toBeGreaterThan(0);
    expect(result.ticksRun).toBeGreaterThan(0);
  });

  it('no two workers hold a resource at once or run a tick twice, and no stale write is accepted', () => {
    const { overlaps, staleWrites, tokenRegressions, duplicates } = result.findings;
    expect({ overlaps, staleWrites, tokenRegressions, duplicates }).toEqual({
      overlaps: [],
      staleWrites: [],
      tokenRegressions: [],
      duplicates: [],
    });
  });

  it('no tick is lost, no call hangs, no key is leaked, and every loss is told in time', () => {
    const { lostJobs, hung, leaked, crashes, lateLosses } = result.findings;
    expect({ lostJobs, hung, leaked, crashes, lateLosses }).toEqual({
      lostJobs: [],
      hung: [],
      leaked: [],
      crashes: [],
      lateLosses: [],
    });
  });
});

describe('a random schedule', () => {
  const terms = { seconds: 600, nodes: 5, workers: 4, maxTtlMs: 6_000, dataLoss: true, clockSteps: true };

  it('a random schedule is the same for the same seed, and differs for another seed', () => {
    expect(randomSchedule({ ...terms, seed: 5 })).toEqual(randomSchedule({ ...terms, seed: 5 }));
    expect(randomSchedule({ ...terms, seed: 5 })).not.toEqual(randomSchedule({ ...terms, seed: 6 }));
  });

  it.each([3, 5])(
    'of %d nodes only a minority loses its memory within one longest TTL, whatever the seed',
    (nodes) => {
      for (let seed = 1; seed <= 20; seed++) {
        const memoryLosses = randomSchedule({ ...terms, nodes, seed }).flatMap((fault) =>
          fault.kind === 'clock-step' || (fault.kind === 'node-kill' && fault.data !== 'kept')
            ? [{ at: fault.atMs, until: fault.atMs + fault.forMs + terms.maxTtlMs, node: fault.nodes[0] }]
            : [],
        );
        const most = memoryLosses.map(({ at }) => {
          const within = memoryLosses.filter((other) => other.at <= at && other.until > at);
          return new Set(within.map(({ node }) => node)).size;
        });
        expect(Math.max(...most)).toBeLessThanOrEqual((nodes - 1) / 2);
      }
    },
  );

  it('the list of nodes changes by one node at a time, and each node is away once', () => {
    const listChanges = true;
    const faults = randomSchedule({ ...terms, seed: 7, nodes: 6, listChanges });
    const lists = [
      firstList({ nodes: 6, listChanges }),
      ...faults.flatMap((fault) => (fault.kind === 'list' ? [fault.list] : [])),
    ];
    const isIn = (list: readonly number[], node: number): boolean => list.includes(node);
    lists.slice(1).forEach((list, at) => {
      const before = lists[at]!;
      const changed = [0, 1, 2, 3, 4, 5].filter((node) => isIn(list, node) !== isIn(before, node));
      expect(changed).toHaveLength(1);
    });
    for (const node of [0, 1, 2, 3, 4, 5]) expect(lists.every((list) => isIn(list, node))).toBe(false);
  });

  it('databases keep their clocks, and their data where they must; nodes are killed together', () => {
    const databases = [3, 4];
    const of = { databases, keepData: [4], killedTogether: [0, 1, 2] };
    const faults = [1, 2, 3].flatMap((seed) => randomSchedule({ ...terms, seed, ...of }));
    const kills = faults.filter((fault) => fault.kind === 'node-kill');
    const lost = new Set(kills.flatMap(({ nodes, data }) => (data === 'kept' ? [] : nodes)));
    expect([lost.has(3), lost.has(4), kills.some(({ nodes }) => nodes[0] === 4)]).toEqual([
      true,
      false,
      true,
    ]);
    const stepped = faults.flatMap((fault) => (fault.kind === 'clock-step' ? fault.nodes : []));
    expect(new Set(stepped)).toEqual(new Set([0, 1, 2]));
    expect(faults.some(({ kind }) => kind === 'nodes-kill')).toBe(true);
    const others = randomSchedule({ ...terms, seed: 1, ...of, spared: [4] });
    expect(others.some((fault) => 'nodes' in fault && fault.nodes.includes(4))).toBe(false);
  });

  it('a random schedule has every kind of fault', () => {
    const faults = randomSchedule({ ...terms, seed: 7, listChanges: true });
    const kinds = new Set(faults.map(({ kind }) => kind));
    const data = new Set(faults.flatMap((fault) => (fault.kind === 'node-kill' ? [fault.data] : [])));
    expect([...data].sort()).toEqual(['kept', 'lost', 'old']);
    expect([...kinds].sort()).toEqual([
      'clock-step',
      'link',
      'list',
      'node-kill',
      'node-stop',
      'reset',
      'worker-block',
      'worker-kill',
      'worker-stop',
    ]);
  });
});
