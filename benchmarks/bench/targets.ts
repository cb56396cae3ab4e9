/** The targets of quorlock, as ratios within one run. */
import {
  contendedCell,
  distanceCell,
  downCell,
  heldCell,
  MILLION_CELL,
  uncontendedCell,
  waitingCell,
} from './cells.js';
import { bestPeer, spreadOf, type Row } from './results.js';
import { FAR_MS } from './scenarios/distance.js';
import { BATCHED_FLOOR, FLOOR, PIPELINED_FLOOR, QUORLOCK } from './subjects.js';

export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly reached?: string;
  /** `undefined` if it was not measured. */
  readonly isReached?: boolean;
  /** The ratio of the batched floor, if it does the same work. */
  readonly bare?: string;
}

export function targets(rows: readonly Row[]): Target[] {
  const of = (scenario: string, cell: string): Row[] =>
    rows.filter((row) => row.scenario === scenario && row.cell === cell);
  const median = (own: readonly Row[], subject: string, figure: string): number | undefined =>
    spreadOf(
      own.filter((row) => row.subject === subject),
      figure,
    )?.median;
  const ours = (own: readonly Row[], figure: string): number | undefined =>
    median(own, QUORLOCK.name, figure);
  /** The ratios of quorlock and of the batched floor to the same base. */
  const both = (own: readonly Row[], figure: string, base: number | undefined): Ratios => [
    ratio(ours(own, figure), base),
    ratio(median(own, BATCHED_FLOOR.name, figure), base),
  ];

  const busy = of('uncontended', uncontendedCell(5, 128));
  const some = of('uncontended', uncontendedCell(5, 16));
  const lone = of('uncontended', uncontendedCell(5, 1));
  const crowd = of('contended', contendedCell(64, 4, 0));
  const few = of('contended', contendedCell(8, 4, 0));
  const fleet = of('waiting', waitingCell(1_000, 32, 1));
  const near = of('distance', distanceCell(1, 1));
  const nearBusy = of('distance', distanceCell(1, 128));
  const held = of('held', heldCell(10_000));
  const starved = ours(crowd, 'starved');
  const withFarNode = (inFlight: number, figure: string): Target => {
    const [cell, farCell] = [distanceCell(1, inFlight), distanceCell(1, inFlight, FAR_MS)];
    return atMost(
      `one of five nodes ${FAR_MS} ms away, ${inFlight} in flight: ${figure} against all at 1 ms`,
      1.05,
      ratio(ours(of('distance', farCell), figure), ours(of('distance', cell), figure)),
    );
  };
  const down = (fault: string): Target =>
    atMost(
      `two of five nodes ${fault}, p99 against the healthy run`,
      1.5,
      ratio(ours(of('down', downCell(2, fault)), 'p99'), ours(of('down', downCell(0, fault)), 'p99')),
    );

  return [
    atLeast(
      'N = 5, 128 in flight, cycles/s against the best peer',
      6,
      ...both(busy, 'perSecond', bestPeer(busy, 'perSecond', 'more')?.value),
    ),
    atLeast(
      'N = 5, 128 in flight, cycles/s against the pipelined floor',
      5,
      ...both(busy, 'perSecond', median(busy, PIPELINED_FLOOR.name, 'perSecond')),
    ),
    atLeast(
      'N = 5, 16 in flight, cycles/s against the best peer',
      4,
      ...both(some, 'perSecond', bestPeer(some, 'perSecond', 'more')?.value),
    ),
    atMost(
      'N = 5, 1 in flight, p50 against the plain floor',
      1.1,
      ...both(lone, 'p50', median(lone, FLOOR.name, 'p50')),
    ),
    atMost(
      'nodes 1 ms away, 1 in flight: p50 against the plain floor',
      1.05,
      ...both(near, 'p50', median(near, FLOOR.name, 'p50')),
    ),
    atLeast(
      'nodes 1 ms away, 128 in flight: cycles/s against the best peer',
      3,
      ...both(nearBusy, 'perSecond', bestPeer(nearBusy, 'perSecond', 'more')?.value),
    ),
    ...[1, 128].flatMap((inFlight) => ['p50', 'p99'].map((figure) => withFarNode(inFlight, figure))),
    down('stopped'),
    atLeast(
      'contended, 64 waiters in 4 processes, no hold: hand-offs/s against the best peer',
      10,
      ratio(ours(crowd, 'perSecond'), bestPeer(crowd, 'perSecond', 'more')?.value),
    ),
    none('the same: waiters never served', starved),
    // If one waiter was never served there is no ratio, and the bound is broken.
    atMost(
      'the same: most served against least served',
      1.5,
      starved ? Infinity : ours(crowd, 'mostToLeast'),
    ),
    atMost(
      'the same: commands per hand-off against those at 8 waiters',
      1.5,
      ratio(ours(crowd, 'commands'), ours(few, 'commands')),
    ),
    none(
      '10,000 waiters for 1,000 resources: waiters never served',
      ours(of('waiting', waitingCell(10_000, 8, 1_000)), 'starved'),
    ),
    none('1,000 waiters in 32 processes for one resource: waiters never served', ours(fleet, 'starved')),
    atMost(
      'the same: commands per hand-off against those in 8 processes',
      1.5,
      ratio(ours(fleet, 'commands'), ours(of('waiting', waitingCell(1_000, 8, 1)), 'commands')),
    ),
    atMost(
      '10,000 held leases: client CPU against the best peer',
      0.5,
      ratio(ours(held, 'cpuSeconds'), bestPeer(held, 'cpuSeconds', 'less')?.value),
    ),
    atMost(
      '10,000 held leases: heap per lease against the best peer',
      0.2,
      ratio(ours(held, 'heapBytes'), bestPeer(held, 'heapBytes', 'less')?.value),
    ),
    none('1,000,000 leases held for a minute: lost', ours(of('held-many', MILLION_CELL), 'lost')),
  ];
}

type Ratios = readonly [ours: number | undefined, bare: number | undefined];

function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || !base ? undefined : value / base;
}

/** Nothing of this kind may happen. */
function none(what: string, count: number | undefined): Target {
  const wanted = 'none';
  return count === undefined
    ? { what, wanted }
    : { what, wanted, reached: String(count), isReached: count === 0 };
}

function atLeast(what: string, wanted: number, ...ratios: Ratios | [number | undefined]): Target {
  return judged(what, `at least ${wanted}`, ratios, (value) => value >= wanted);
}

function atMost(what: string, wanted: number, ...ratios: Ratios | [number | undefined]): Target {
  return judged(what, `at most ${wanted}`, ratios, (value) => value <= wanted);
}

function judged(
  what: string,
  wanted: string,
  [reached, bare]: Ratios | readonly [number | undefined],
  isEnough: (value: number) => boolean,
): Target {
  if (reached === undefined) return { what, wanted };
  return {
    what,
    wanted,
    reached: reached === Infinity ? 'no bound' : reached.toFixed(2),
    isReached: isEnough(reached),
    ...(bare === undefined ? {} : { bare: bare.toFixed(2) }),
  };
}
