import { expect } from '@jest/globals';
import type { Sample } from './prometheus-server.js';
import { DEAD_NODES } from './workload.js';

/** The values of the series that have at least these labels. */
const values = (
  samples: readonly Sample[],
  labels: Readonly<Record<string, string>> = {},
): readonly number[] =>
  samples
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .map(({ value }) => value);

function one(samples: readonly Sample[], labels: Readonly<Record<string, string>> = {}): number {
  const found = values(samples, labels);
  if (found.length !== 1) throw new Error(`${found.length} series have ${JSON.stringify(labels)}, not one`);
  return found[0]!;
}

const between = (value: number, least: number, most: number): void => {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
};

/**
 * Checks a quantile of durations in this test: above zero and below a minute, so a factor of 1000 would be
 * noticed.
 */
const duration = (value: number): void => {
  expect(value).toBeGreaterThan(0);
  expect(value).toBeLessThan(60);
};

const dead = DEAD_NODES.map((url) => new URL(url).host);

/** Checks what each panel shows of the workload; each function throws until the panel shows it. */
export const PLAUSIBLE: Readonly<Record<string, (samples: readonly Sample[]) => void>> = {
  'Jobs overdue': (samples) => expect(one(samples)).toBe(0),
  'Runs that ended badly': (samples) => expect(one(samples)).toBeGreaterThan(1),
  'Ticks missed': (samples) => expect(one(samples)).toBe(0),
  'Ticks abandoned': (samples) => expect(one(samples)).toBe(0),
  Overruns: (samples) => expect(one(samples)).toBeGreaterThan(0.5),
  Processes: (samples) => expect(one(samples)).toBe(2),
  // Its columns: what they show lies between nothing and the few minutes of this test.
  'All jobs': (samples) => between(one(samples, { lock: 'digest' }), 0, 600),
  'Runs, by outcome': (samples) => {
    expect(one(samples, { lock: 'digest', outcome: 'succeeded' })).toBeGreaterThan(1);
    expect(one(samples, { lock: 'sync', outcome: 'failed' })).toBeGreaterThan(1);
    expect(one(samples, { lock: 'sync', outcome: 'timed_out' })).toBe(0);
  },
  'Durations of runs': (samples) => expect(one(samples, { le: '+Inf' })).toBeGreaterThan(1),
  Lateness: (samples) => duration(one(samples, { lock: 'digest' })),
  'Missed and abandoned, by reason': (samples) => {
    for (const { value } of samples) expect(value).toBe(0);
  },
  'Runs, by process': (samples) => {
    expect(Math.max(...values(samples))).toBeGreaterThan(1);
  },
  'Overruns, by job': (samples) => {
    expect(one(samples, { lock: 'slow' })).toBeGreaterThan(0.5);
    expect(one(samples, { lock: 'digest' })).toBe(0);
  },
  'Running now, by process': (samples) => {
    for (const { value } of samples) between(value, 0, 1);
  },
  Leaders: (samples) => {
    expect([...values(samples, { lock: 'outbox' })].sort((a, b) => a - b)).toEqual([0, 1]);
  },
  'Processes without a quorum': (samples) => expect(one(samples)).toBe(1),
  'Nodes not ready': (samples) => expect(one(samples)).toBe(3),
  Fallback: (samples) => expect(one(samples)).toBe(2),
  Failed: (samples) => expect(one(samples)).toBeGreaterThan(1),
  Lost: (samples) => expect(one(samples)).toBeGreaterThan(1),
  'Held now': (samples) => between(one(samples), 1, 4),
  Acquired: (samples) => {
    expect(one(samples, { lock: 'report' })).toBeGreaterThan(1);
    expect(one(samples, { lock: 'import' })).toBeGreaterThan(1);
  },
  'Skipped, by reason': (samples) => {
    expect(one(samples, { reason: 'held' })).toBeGreaterThan(1);
    expect(one(samples, { reason: 'already_ran' })).toBeGreaterThan(1);
    expect(one(samples, { reason: 'draining' })).toBe(0);
  },
  'Failed, by reason': (samples) => {
    expect(one(samples, { lock: 'report', reason: 'unreachable' })).toBeGreaterThan(1);
    expect(one(samples, { lock: 'import', reason: 'unreachable' })).toBe(0);
  },
  'Waiting, by lock': (samples) => {
    between(one(samples, { lock: 'stock' }), 1, 3);
    expect(one(samples, { lock: 'report' })).toBe(0);
  },
  'Time waited': (samples) => duration(one(samples, { lock: 'stock' })),
  'Waits, by lock': (samples) => {
    expect(one(samples, { lock: 'stock' })).toBeGreaterThan(1);
    expect(one(samples, { lock: 'report' })).toBe(0);
  },
  'Held, by lock': (samples) => {
    expect(one(samples, { lock: 'backup' })).toBe(1);
    between(one(samples, { lock: 'report' }), 0, 1);
  },
  'Lost, by reason': (samples) => {
    expect(one(samples, { lock: 'import', reason: 'not_extended' })).toBeGreaterThan(1);
    expect(one(samples, { lock: 'backup', reason: 'unreachable' })).toBe(0);
  },
  'Extensions, by outcome': (samples) => expect(one(samples, { outcome: 'extended' })).toBeGreaterThan(0),
  'Time to acquire': (samples) => duration(one(samples)),
  'Time held': (samples) => {
    duration(one(samples, { lock: 'report' }));
    duration(one(samples, { lock: 'import' }));
  },
  'Since the last run': (samples) => {
    for (const lock of ['report', 'import', 'backup']) between(one(samples, { lock }), 0, 3_600);
  },
  'Node states': (samples) => {
    for (const node of ['a', 'b', 'c']) expect(one(samples, { node })).toBe(1);
    for (const node of dead) expect([2, 5]).toContain(one(samples, { node }));
  },
  'Processes that cannot ask a node': (samples) => {
    expect(values(samples, { node: 'a' })).toEqual([0, 0, 0, 0, 0]);
    for (const node of dead) {
      expect([...values(samples, { node })].sort((a, b) => a - b)).toEqual([0, 0, 0, 0, 1]);
    }
  },
  Votes: (samples) => {
    expect(one(samples, { vote: 'granted' })).toBeGreaterThan(1);
    expect(one(samples, { vote: 'held' })).toBeGreaterThan(1);
    expect(one(samples, { vote: 'unreachable' })).toBeGreaterThan(1);
  },
  'Failed votes, by node': (samples) => {
    for (const node of dead) expect(one(samples, { node, vote: 'unreachable' })).toBeGreaterThan(1);
    expect(one(samples, { node: 'a', vote: 'unreachable' })).toBe(0);
  },
  'Fallback, by process': (samples) => {
    expect(one(samples, { instance: 'first' })).toBe(1);
    expect(one(samples, { instance: 'cut-off' })).toBe(0);
  },
  // The load of the machine is not known.
  'Event loop delays, by process': (samples) =>
    expect(one(samples, { instance: 'first' })).toBeGreaterThanOrEqual(0),
};
