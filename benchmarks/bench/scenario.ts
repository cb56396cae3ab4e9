/** What a scenario is, and what several of them do. */
import type { BenchChild } from './child.js';
import type { Stage } from './stage.js';
import type { Subject } from './subjects.js';
import { nowNs, type Figures } from './tasks.js';

export interface Play {
  readonly stage: Stage;
  readonly subject: Subject;
  readonly isQuick: boolean;
  /** Measures a cell and stores its figures. On a failure it stores a note with the reason, and rejects. */
  readonly record: (cell: string, measure: () => Promise<Figures>) => Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly rounds: { readonly quick: number; readonly full: number };
  /** Whether it needs servers of its own: it stops or empties them, or puts something before them. */
  readonly needsOwnServers?: boolean;
  /** Plays all subjects at once, each on its own nodes: for light loads that take long. */
  readonly isTogether?: boolean;
  subjects(isQuick: boolean): readonly Subject[];
  play(play: Play): Promise<void>;
}

/** The time that a task may take beyond its measurement. */
export const GRACE_MS = 10_000;

export const pick = <T>(isQuick: boolean, quick: T, full: T): T => (isQuick ? quick : full);

/** Loops of acquire and release, for as long as a cell of a full run, or of a quick one, is measured. */
export async function closed(
  child: BenchChild,
  inFlight: number,
  isQuick: boolean,
  ms = pick(isQuick, 300, 500),
): Promise<Figures> {
  const task = { kind: 'closed', inFlight, warmMs: pick(isQuick, 150, 250), ms } as const;
  return (await child.ask(task, GRACE_MS + ms)).figures ?? {};
}

export const untilNs = (ns: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, (ns - nowNs()) / 1e6));
