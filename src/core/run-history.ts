/**
 * The runs of a job that are over, as the nodes keep them: a list of texts for each resource, which no node
 * reads. What is read back is checked, because anybody who may write to a node may have written it.
 */

/**
 * How a run ended. `failed`: it threw. `timed_out`: it took longer than its timeout. `lost`: its lease ended
 * before it did, or its end could not be recorded.
 */
export type RunOutcome = 'succeeded' | 'failed' | 'timed_out' | 'lost';

/** A run that is over, as its worker told the nodes. Instants are in ms since 1970, by the worker's clock. */
export interface PastRun {
  /** The scheduled time of the run. */
  readonly tick: number;
  /** Which run of the tick it was, from 1. */
  readonly attempt: number;
  /** The `holder` of the manager that ran it. */
  readonly worker: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: RunOutcome;
  /** The first 200 characters of the error's message, if it threw. */
  readonly error: string | undefined;
  /** Its fencing token: a later run has a higher one. */
  readonly token: number;
}

/** What the end of a run leaves on a node, besides the ledger. It is no part of any vote. */
export interface RunNote {
  /** Notes are kept in the order of their ranks: the token of the run. */
  readonly rank: number;
  /** The run as text; empty: nothing is kept of it. */
  readonly text: string;
  /** How many notes of the resource are kept: those with the highest ranks. */
  readonly most: number;
  /** When the run succeeded, in ms since 1970; `undefined`: it did not. */
  readonly succeededAt: number | undefined;
}

/** How many runs of a job are kept at most. */
export const MOST_NOTES = 1_000;

/** The longest error message that is kept, in characters. */
export const LONGEST_ERROR = 200;
const LONGEST_WORKER = 128;

/** The form of the text, for the day on which there is another one. */
const FORM = 1;

export function noteText(run: PastRun): string {
  const { tick, attempt, token, worker, startedAt, endedAt, outcome, error } = run;
  const about = [FORM, tick, attempt, token, worker, startedAt, endedAt, outcome];
  return asciiJson(error === undefined ? about : [...about, error]);
}

/** A database whose encoding lacks a character would refuse the release that the note comes with. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/**
 * The runs in the lists of several nodes, each once, the latest first. Texts that are no runs are left out.
 */
export function mergeHistory(lists: readonly (readonly string[])[]): readonly PastRun[] {
  const runs = new Map<string, PastRun>();
  for (const text of new Set(lists.flatMap((list) => list.slice(-MOST_NOTES)))) {
    const run = runOf(text);
    if (run !== undefined) runs.set(`${run.tick}:${run.attempt}:${run.token}`, run);
  }
  return [...runs.values()].sort((one, other) => other.token - one.token || other.attempt - one.attempt);
}

const OUTCOMES: readonly unknown[] = [
  'succeeded',
  'failed',
  'timed_out',
  'lost',
] satisfies readonly RunOutcome[];

const isNatural = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function runOf(text: string): PastRun | undefined {
  const [form, tick, attempt, token, worker, startedAt, endedAt, outcome, error] = listIn(text);
  if (form !== FORM || !isNatural(tick) || !isNatural(attempt) || !isNatural(token)) return undefined;
  if (!isNatural(startedAt) || !isNatural(endedAt) || !OUTCOMES.includes(outcome)) return undefined;
  if (typeof worker !== 'string' || worker.length > LONGEST_WORKER) return undefined;
  if (error !== undefined && (typeof error !== 'string' || error.length > LONGEST_ERROR)) return undefined;
  return { tick, attempt, worker, startedAt, endedAt, outcome: outcome as RunOutcome, error, token };
}

function listIn(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as readonly unknown[]) : [];
  } catch {
    return [];
  }
}

/** The notes that a node keeps when another one comes, in their order. The same one twice is one. */
export function withNote(notes: readonly RunNote[], note: RunNote): readonly RunNote[] {
  if (note.text === '') return notes;
  const others = notes.filter(({ text }) => text !== note.text);
  return [...others, note].sort((one, other) => one.rank - other.rank).slice(-note.most);
}
