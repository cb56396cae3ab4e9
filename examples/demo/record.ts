import { appendFileSync, readFileSync } from 'node:fs';

/** The jobs, by their keys. */
export const TICK_JOB = 'every-second';
export const LONG_JOB = 'long-job';
/** Runs the latest tick late that it missed. */
export const CATCH_UP_JOB = 'catch-up';
/** Another worker runs its tick again when the first one has died. */
export const RETRY_JOB = 'retry-job';
/** One run is one term of a leader. */
export const LEADER_JOB = 'leader';
export const JOBS = [TICK_JOB, LONG_JOB, CATCH_UP_JOB, RETRY_JOB, LEADER_JOB] as const;
export type Job = (typeof JOBS)[number];

/** What a body writes first. */
export interface StartEntry {
  readonly kind: 'start';
  /** Unique to the run. */
  readonly run: string;
  readonly worker: string;
  readonly job: Job;
  /** The scheduled instant in epoch milliseconds; `null` for a job without one. */
  readonly tick: number | null;
  /** How often the tick has been started with this run, as the run itself was told; `null` without a tick. */
  readonly attempt: number | null;
  /** The fencing token. */
  readonly token: number;
  readonly at: number;
  readonly wallMs: number;
}

/** What a body writes last, before its lock is released. */
export interface EndEntry {
  readonly kind: 'end';
  readonly run: string;
  readonly at: number;
  /**
   * Until when the worker could believe that it held the lock. Before `at` where it was not given the time to
   * run: it has heard of the loss then, and only its fencing token tells others.
   */
  readonly heldUntil: number;
  /** `lost`: the lease was lost while the body ran. `stopped`: the demo is over. */
  readonly outcome: 'done' | 'lost' | 'stopped';
}

/** One run of a body. Instants (`…At`) are in milliseconds of the machine's monotonic clock. */
export interface Run {
  readonly run: string;
  readonly worker: string;
  readonly job: Job;
  readonly tick: number | null;
  readonly attempt: number | null;
  readonly token: number;
  readonly startedAt: number;
  readonly startedWallMs: number;
  /** `undefined` if no end was written: the worker died, or the body did not end. */
  readonly endedAt: number | undefined;
  readonly heldUntil: number | undefined;
  readonly outcome: EndEntry['outcome'] | undefined;
}

/** The machine's monotonic clock: instants of different processes can be compared. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A file that all workers append to. What a process wrote before a SIGKILL stays in it. */
export class RecordFile {
  constructor(private readonly path: string) {}

  append(entry: StartEntry | EndEntry): void {
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
  }

  runs(): Run[] {
    return runsOf(readFileSync(this.path, 'utf8'));
  }
}

/**
 * Reads the runs of a record.
 * @throws Error for a record that workers do not write: what cannot be read must not count as clean.
 */
export function runsOf(text: string): Run[] {
  const runs = new Map<string, Run>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const entry = JSON.parse(line) as StartEntry | EndEntry;
    const known = runs.get(entry.run);
    if (entry.kind === 'start' && known === undefined) {
      const { run, worker, job, tick, attempt, token, at, wallMs } = entry;
      runs.set(run, {
        run,
        worker,
        job,
        tick,
        attempt,
        token,
        startedAt: at,
        startedWallMs: wallMs,
        endedAt: undefined,
        heldUntil: undefined,
        outcome: undefined,
      });
    } else if (entry.kind === 'end' && known !== undefined && known.endedAt === undefined) {
      const { at: endedAt, heldUntil, outcome } = entry;
      runs.set(entry.run, { ...known, endedAt, heldUntil, outcome });
    } else {
      throw new Error(`line ${index + 1} of the record does not fit what came before: ${line}`);
    }
  }
  return [...runs.values()];
}
