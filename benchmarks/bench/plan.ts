import type { Cell } from './run.js';
import { FLOORS, QUORLOCK, SUBJECTS, VARIANTS, type Setting, type Subject } from './subjects.js';

/** How long and how much: a look in two minutes, or figures to be kept. */
export interface Extent {
  readonly rounds: number;
  readonly ms: number;
  readonly quick: boolean;
}

export const QUICK: Extent = { rounds: 1, ms: 700, quick: true };
export const FULL: Extent = { rounds: 3, ms: 2_000, quick: false };

const isLibrary = ({ isFloor }: Subject): boolean => isFloor !== true;

/** Everything that is measured, one round. */
export function planOf({ ms, quick }: Extent): Cell[] {
  const warmMs = quick ? 300 : 700;
  const cells: Cell[] = [];
  const cycles = (
    scenario: string,
    subjects: readonly Subject[],
    nodes: number,
    inFlight: number,
    rest: Pick<Cell, 'fault'> = {},
  ): void => {
    for (const { name } of subjects)
      cells.push({
        scenario,
        nodes,
        job: { subject: name, setting: 'defaults', kind: 'cycles', inFlight, warmMs, ms },
        ...rest,
      });
  };
  for (const nodes of quick ? [5] : [1, 3, 5])
    for (const inFlight of [1, 16, 128])
      cycles(`uncontended, ${nodes} nodes, ${inFlight} in flight`, SUBJECTS, nodes, inFlight);
  cycles('what it costs, 5 nodes, 128 in flight', [QUORLOCK, ...VARIANTS], 5, 128);
  for (const perSecond of quick ? [2_000] : [500, 2_000, 4_000])
    for (const { name } of SUBJECTS)
      cells.push({
        scenario: `open load, ${perSecond} a second`,
        nodes: 5,
        job: { subject: name, setting: 'defaults', kind: 'open load', perSecond, warmMs, ms },
      });
  for (const holdMs of quick ? [0] : [0, 5])
    for (const processes of quick ? [4] : [1, 4])
      for (const waiters of [8, 64])
        for (const [{ name }, setting] of settings(SUBJECTS.filter(isLibrary), quick))
          cells.push({
            scenario: `contended, ${waiters} waiters in ${processes} ${processes === 1 ? 'process' : 'processes'}, held ${holdMs} ms`,
            nodes: 5,
            processes,
            job: {
              subject: name,
              setting,
              kind: 'contended',
              waiters: waiters / processes,
              holdMs,
              ms: quick ? 1_500 : 3_000,
            },
          });
  for (const leases of quick ? [1_000] : [1_000, 10_000, 100_000])
    for (const subject of SUBJECTS.filter((one) => one.extends === true)) {
      // Long before that it does nothing else any more.
      if (leases > 10_000 && subject !== QUORLOCK) continue;
      cells.push({
        scenario: `held, ${leases} leases`,
        nodes: 5,
        job: {
          subject: subject.name,
          setting: 'defaults',
          kind: 'held',
          leases,
          ttlMs: 10_000,
          ms: quick ? 10_000 : leases > 10_000 ? 60_000 : 15_000,
        },
      });
    }
  const healthy = SUBJECTS.filter((one) => isLibrary(one) || one === FLOORS[0]);
  for (const how of quick ? (['stopped'] as const) : (['stopped', 'killed'] as const))
    for (const down of quick ? [2] : [1, 2])
      cycles(`${down} of 5 nodes ${how}, 16 in flight`, healthy, 5, 16, { fault: { how, nodes: down } });
  return cells;
}

function settings(subjects: readonly Subject[], quick: boolean): (readonly [Subject, Setting])[] {
  return subjects.flatMap((subject): (readonly [Subject, Setting])[] => {
    // quorlock waits only where it is told to.
    if (subject === QUORLOCK || quick) return [[subject, 'best']];
    return [
      [subject, 'defaults'],
      [subject, 'best'],
    ];
  });
}
