/** Very many waiters, in many processes. */
import { waitingCell } from '../cells.js';
import { pick, type Scenario } from '../scenario.js';
import { eager, QUORLOCK } from '../subjects.js';
import { crowd } from './crowd.js';

/** How many wait, in how many processes, for how many resources. */
type Crowding = readonly [waiters: number, processes: number, resources: number];

const QUICK: readonly Crowding[] = [
  [1_000, 4, 100],
  [256, 8, 1],
];
/** The last ones only tell how it depends on the number of processes. */
const FULL: readonly Crowding[] = [
  [10_000, 8, 1_000],
  [1_000, 32, 1],
  [1_000, 8, 1],
  [1_000, 2, 1],
];
/** The first one takes longer, so that every process has its turns for a thousand resources. */
const MANY_MS = 60_000;
/** The pause of the peers between attempts in ms: the longest of those in `contended`. */
const PAUSE_MS = 25;

export const waiting: Scenario = {
  name: 'waiting',
  rounds: { quick: 1, full: 1 },
  subjects: (isQuick) => (isQuick ? [QUORLOCK] : [QUORLOCK, ...eager(PAUSE_MS)]),
  async play({ stage, subject, isQuick, record }) {
    const all = pick(isQuick, QUICK, FULL);
    for (const [waiters, processes, resources] of subject.kind === 'peer' ? all.slice(0, 2) : all) {
      await stage.reset();
      await record(waitingCell(waiters, processes, resources), () =>
        crowd(
          stage,
          subject,
          {
            waiters,
            processes,
            resources,
            holdMs: 0,
            warmMs: pick(isQuick, 1_000, 3_000),
            ms: pick(isQuick, 1_000, resources > 1 ? MANY_MS : 10_000),
          },
          // Not on the user's servers: it reads the names of all keys.
          () => (stage.isOwn ? stage.waitLists() : Promise.resolve({})),
        ),
      );
    }
  },
};
