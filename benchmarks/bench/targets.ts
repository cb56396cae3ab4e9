import { bestPeer, rowOf, rowsOf, type Results } from './results.js';
import { FLOORS, QUORLOCK } from './subjects.js';

/** What quorlock is meant to reach, as a ratio of two figures of one run. */
export interface Target {
  readonly what: string;
  readonly bound: number;
  readonly atLeast: boolean;
  readonly figure: (results: Results) => number | undefined;
}

const [PLAIN, PIPELINED] = [FLOORS[0]!.name, FLOORS[1]!.name];
const uncontended = (inFlight: number): string => `uncontended, 5 nodes, ${inFlight} in flight`;
const contended = (waiters: number): string => `contended, ${waiters} waiters in 4 processes, held 0 ms`;

const ours = (results: Results, scenario: string, figure: string): number =>
  rowOf(rowsOf(results, scenario), QUORLOCK.name)?.median(figure) ?? Number.NaN;

const toPeer =
  (scenario: string, figure = 'perSecond', best: 'most' | 'least' = 'most') =>
  (results: Results): number =>
    ours(results, scenario, figure) /
    (bestPeer(rowsOf(results, scenario), figure, best)?.median(figure) ?? Number.NaN);

const toFloor =
  (scenario: string, floor: string, figure: string) =>
  (results: Results): number =>
    ours(results, scenario, figure) / (rowOf(rowsOf(results, scenario), floor)?.median(figure) ?? Number.NaN);

export const TARGETS: readonly Target[] = [
  {
    what: '5 nodes, 128 in flight: cycles/s to the best peer',
    bound: 6,
    atLeast: true,
    figure: toPeer(uncontended(128)),
  },
  {
    what: '5 nodes, 128 in flight: cycles/s to the auto-pipelined floor',
    bound: 5,
    atLeast: true,
    figure: toFloor(uncontended(128), PIPELINED, 'perSecond'),
  },
  {
    what: '5 nodes, 16 in flight: cycles/s to the best peer',
    bound: 4,
    atLeast: true,
    figure: toPeer(uncontended(16)),
  },
  {
    what: '5 nodes, 1 in flight: p50 to the plain floor',
    bound: 1.1,
    atLeast: false,
    figure: toFloor(uncontended(1), PLAIN, 'p50'),
  },
  {
    what: 'two of five nodes stopped, 16 in flight: p99 to the healthy run',
    bound: 1.5,
    atLeast: false,
    figure: (results) =>
      ours(results, '2 of 5 nodes stopped, 16 in flight', 'p99') / ours(results, uncontended(16), 'p99'),
  },
  {
    what: '64 waiters in 4 processes, no hold: hand-offs/s to the best peer on its best settings',
    bound: 10,
    atLeast: true,
    figure: toPeer(contended(64)),
  },
  {
    what: '64 waiters in 4 processes: the most served to the least served',
    bound: 1.5,
    atLeast: false,
    figure: (results) => ours(results, contended(64), 'mostToLeast'),
  },
  {
    what: 'commands a hand-off at 64 waiters to those at 8',
    bound: 1.5,
    atLeast: false,
    figure: (results) => ours(results, contended(64), 'commands') / ours(results, contended(8), 'commands'),
  },
  {
    what: '10,000 held leases: client CPU to the best peer',
    bound: 0.5,
    atLeast: false,
    figure: toPeer('held, 10000 leases', 'cpuSIn30S', 'least'),
  },
  {
    what: '10,000 held leases: heap a lease to the best peer',
    bound: 0.2,
    atLeast: false,
    figure: toPeer('held, 10000 leases', 'heapPerLease', 'least'),
  },
];
