import { describe, expect, it } from '@jest/globals';
import { runFaults } from './harness/run.js';
import type { Fault } from './harness/schedule.js';

/** Every kind of fault of a connection. Two faults overlap only if a majority of nodes stays healthy. */
const FAULTS: readonly Fault[] = [
  { kind: 'node-stop', atMs: 1_200, forMs: 1_000, nodes: [0] },
  { kind: 'link', atMs: 2_500, forMs: 700, nodes: [1], workers: [0, 1], link: { loseReplies: true } },
  { kind: 'reset', atMs: 3_500, forMs: 0, nodes: [2], workers: [0, 1] },
  { kind: 'link', atMs: 4_000, forMs: 800, nodes: [0, 1, 2], workers: [1], link: { hold: 'both' } },
  { kind: 'node-kill', atMs: 5_200, forMs: 400, nodes: [2], data: 'lost' },
  { kind: 'link', atMs: 6_200, forMs: 600, nodes: [0], workers: [0], link: { refuse: true } },
];

/** A longer run, over options, is in random.test.ts. `npm run faults -- --client C` runs any client. */
describe.each(['node-redis-5', 'node-redis-6'])(
  'three nodes given as clients of %s, under faults',
  (client) => {
    it('hold what they promise', async () => {
      const lines: string[] = [];
      const result = await runFaults({
        client,
        seed: 1,
        nodes: 3,
        workers: 2,
        faults: FAULTS,
        seconds: 9,
        maxTtlMs: 1_500,
        resources: [
          { name: 'short', ttlMs: 400 },
          { name: 'long', ttlMs: 1_500 },
        ],
        say: (line) => lines.push(line),
      });
      expect(result.acquired).toBeGreaterThan(0);
      expect(result.ticksRun).toBeGreaterThan(0);
      const found = Object.entries(result.findings).filter(([, { length }]) => length > 0);
      expect({ found, lines: found.length === 0 ? [] : lines }).toEqual({ found: [], lines: [] });
    });
  },
);
