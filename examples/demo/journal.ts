import { currentLease, currentRun, type Lease, type LockEvent } from 'quorlock';
import type { WorkerMessage } from './messages.js';
import { monotonicMs, TICK_JOB, type EndEntry, type Job, type RecordFile } from './record.js';

/** cron reads the clock before it fires. The clock may be slewed backwards between its reading and ours. */
const EARLY_MS = 10;
const SECOND_MS = 1_000;

/** A body that is running, and until when its worker can believe that it holds the lock. */
class OpenRun {
  #heldUntil = 0;

  constructor(private readonly lease: Lease) {
    this.look();
  }

  /** To be called whenever the lease was extended. */
  look(): void {
    // The clock first: a pause between the two makes it too short, and never too long.
    const at = monotonicMs();
    const leftMs = this.lease.remainingMs();
    if (leftMs > 0) this.#heldUntil = at + leftMs;
  }

  end(): Pick<EndEntry, 'at' | 'heldUntil'> {
    const at = monotonicMs();
    return { at, heldUntil: Math.min(at, this.#heldUntil) };
  }
}

/** Records what the jobs of one worker do, and reports it to the demo. */
export class Journal {
  /** The time of the call that acquired a lease of the job, by fencing token, in epoch milliseconds. */
  readonly #calledAt = new Map<number, number>();
  #count = 0;
  readonly #open = new Set<OpenRun>();

  constructor(
    private readonly worker: string,
    private readonly record: RecordFile,
    private readonly tell: (message: WorkerMessage) => void,
  ) {}

  /** Whether no job is running. */
  get idle(): boolean {
    return this.#open.size === 0;
  }

  /** Runs a job's body between its two entries in the record. `signal` aborts when the lease is lost. */
  async run(job: Job, body: (signal: AbortSignal) => Promise<EndEntry['outcome']>): Promise<void> {
    const lease = currentLease();
    if (lease === undefined) throw new Error(`${job} runs without a lease`);
    const run = `${this.worker}/${++this.#count}`;
    const { token, signal } = lease;
    const attempt = currentRun()?.attempt ?? null;
    const about = { run, worker: this.worker, job, token, attempt, tick: this.#tickOf(job, token) };
    const open = new OpenRun(lease);
    this.#open.add(open);
    const entry = { kind: 'start', ...about, at: monotonicMs(), wallMs: Date.now() } as const;
    this.record.append(entry);
    this.tell({ type: 'started', entry });
    let outcome: EndEntry['outcome'] = 'lost';
    try {
      outcome = await body(signal);
    } finally {
      const end = { kind: 'end', run, ...open.end(), outcome } as const;
      this.record.append(end);
      this.tell({ type: 'ended', entry: end });
      this.#open.delete(open);
    }
  }

  readonly listen = (event: LockEvent): void => {
    if (event.type === 'acquired' && event.name === TICK_JOB && event.token !== undefined) {
      this.#calledAt.set(event.token, Date.now() - event.durationMs);
    }
    if (event.type === 'extended' && event.outcome === 'extended') {
      for (const open of this.#open) open.look();
      this.tell({ type: 'extended', job: event.name });
    }
    if (event.type === 'node') this.tell({ type: 'node', node: event.node });
  };

  /**
   * The tick that the run was told. For the job of every second, the second in which cron made the call: its
   * body may begin in a later one, if the lock took long.
   */
  #tickOf(job: Job, token: number): number | null {
    if (job !== TICK_JOB) return currentRun()?.tick ?? null;
    const calledAt = this.#calledAt.get(token);
    if (calledAt === undefined) throw new Error(`no event of the acquisition of token ${token} was heard`);
    this.#calledAt.delete(token);
    return Math.floor((calledAt + EARLY_MS) / SECOND_MS) * SECOND_MS;
  }
}
