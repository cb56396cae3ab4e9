import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../src/index.js';
import { Checker } from './checker.js';
import { settingsOf } from './settings.js';
import { Rng } from './rng.js';
import { SimProcess } from './sim-process.js';
import { SimServer } from './sim-server.js';
import { Timeline } from './timeline.js';

const TTL_MS = 600;
const DRIFT_MS = 8;
/** How long ago the lease was asked for. */
const SPENT_MS = 100;

/** Three servers at a moment of true time, and the lease of a worker who asked for it a while ago. */
async function worldAt(now: number) {
  const timeline = new Timeline();
  await timeline.run(now);
  const servers = ['n0', 'n1', 'n2'].map(
    (name) => new SimServer(name, timeline, 1, 0, undefined, () => undefined),
  );
  const checker = new Checker({ ...settingsOf(1, false), driftFactor: 0.01 }, () => timeline.now, servers);
  const process = new SimProcess(timeline, new Rng(1), 1, 0);
  const lease = {
    resources: ['a'],
    holderId: 'id@c1',
    token: 1,
    signal: new AbortController().signal,
    remainingMs: () => TTL_MS - DRIFT_MS - SPENT_MS,
  } as unknown as Lease;
  const setKey = (server: number, holderId: string): void =>
    servers[server]!.keyspace.set('lock:a', `${holderId}@c1`, TTL_MS);
  return { checker, servers, process, lease, setKey };
}

describe('validity within the keys', () => {
  it('holds for a lease with a key on a majority of the nodes, and not for one on a minority', async () => {
    for (const [keys, violations] of [
      [2, 0],
      [1, 1],
    ] as const) {
      const { checker, process, lease, setKey } = await worldAt(1_000);
      for (let server = 0; server < keys; server++) setKey(server, 'id');
      checker.granted('c1', process, lease, TTL_MS);
      expect(checker.violations).toHaveLength(violations);
    }
  });

  /**
   * Seed 771000371 of an earlier state. A node granted, and restarted with old data before the deciding vote
   * came: that of another node. The old data had a key of the same worker, from before. The checker looked
   * for that key on the other node, and reported a lease without keys. Exclusion stood, by the quarantine.
   */
  it('does not take a key that came back with old data for the key of the lease', async () => {
    const { checker, servers, process, lease, setKey } = await worldAt(1_000);
    setKey(0, 'earlier');
    setKey(2, 'id');
    checker.lossOn(servers[0]!);
    checker.granted('c1', process, lease, TTL_MS);
    expect(checker.violations).toEqual([]);
  });
});

describe('the runs of a tick', () => {
  const reported = async (act: (checker: Checker) => void): Promise<string[]> => {
    const checker = new Checker(settingsOf(1, false), () => 0, []);
    act(checker);
    return Promise.resolve(checker.violations.map(({ invariant }) => invariant));
  };

  it.each<[string, (checker: Checker) => void, string[]]>([
    ['a second run without retry', (one) => twice(one, 1, 2, false), ['one run per tick']],
    ['a second run with retry', (one) => twice(one, 1, 2, true), []],
    ['an attempt that does not count up', (one) => twice(one, 2, 2, true), ['attempts count up']],
    [
      'a run after the end of another is on record',
      (one) => {
        one.started('a', 7, 1, 'c1', false);
        one.finished('a', 7);
        one.started('a', 7, 2, 'c2', true);
      },
      ['a finished tick stays finished'],
    ],
    [
      'an earlier tick after a later one',
      (one) => {
        one.started('a', 8, 1, 'c1', false);
        one.started('a', 7, 1, 'c2', true);
      },
      ['ticks run in order'],
    ],
  ])('%s', async (_what, act, expected) => {
    expect(await reported(act)).toEqual(expected);
  });
});

function twice(checker: Checker, first: number, second: number, retry: boolean): void {
  checker.started('a', 7, first, 'c1', false);
  checker.started('a', 7, second, 'c2', retry);
}
