/** One resource that many want. */
import { contendedCell } from '../cells.js';
import { pick, type Scenario } from '../scenario.js';
import { eager, PEERS, QUORLOCK } from '../subjects.js';
import { crowd } from './crowd.js';

/** Pauses of the peers between attempts, in milliseconds. */
const BRISK_MS = 5;
const CALM_MS = 25;
/** Waiters, processes, and the time held in milliseconds. */
type Contention = readonly [waiters: number, processes: number, holdMs: number];
const QUICK_CONTENTION: readonly Contention[] = [
  [64, 4, 0],
  [8, 4, 0],
];
const FULL_CONTENTION: readonly Contention[] = [4, 1].flatMap((processes) =>
  [64, 8].flatMap((waiters) => [0, 5].map((holdMs): Contention => [waiters, processes, holdMs])),
);

export const contended: Scenario = {
  name: 'contended',
  rounds: { quick: 1, full: 1 },
  subjects: (isQuick) => [QUORLOCK, ...PEERS, ...eager(BRISK_MS), ...(isQuick ? [] : eager(CALM_MS))],
  async play({ stage, subject, isQuick, record }) {
    const all = pick(isQuick, QUICK_CONTENTION, FULL_CONTENTION);
    // The first case is the hardest, and shows which settings of a peer are the best.
    const isShort = subject.retryMs === CALM_MS || (isQuick && subject.kind === 'peer' && !subject.retryMs);
    for (const contention of isShort ? all.slice(0, 1) : all) {
      // New workers each time: old ones may still wait and would go on asking.
      await stage.reset();
      const [waiters, processes, holdMs] = contention;
      await record(contendedCell(...contention), () =>
        crowd(stage, subject, {
          waiters,
          processes,
          holdMs,
          warmMs: pick(isQuick, 500, 1_000),
          ms: pick(isQuick, 750, 2_000),
        }),
      );
    }
  },
};
