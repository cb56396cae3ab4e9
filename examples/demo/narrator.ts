import type { NodeSnapshot } from 'quorlock';
import type { WorkerMessage } from './messages.js';
import type { JobSettings } from './plan.js';
import type { Outage } from './due.js';
import {
  CATCH_UP_JOB,
  LEADER_JOB,
  LONG_JOB,
  monotonicMs,
  RETRY_JOB,
  TICK_JOB,
  type EndEntry,
  type Job,
  type StartEntry,
} from './record.js';
import { clockTime, seconds, type Screen } from './screen.js';
import type { WorkerProcess } from './worker-process.js';

/** The current run of the long job, by what its worker reported. */
interface LongRun extends StartEntry {
  extensions: number;
  /** How many TTLs it has lasted so far. */
  ttls: number;
}

/** The characters of a warning that are shown: it names all nodes and their errors. */
const LONGEST = 150;

const SEEN_AS = {
  ready: 'votes again, for all workers',
  unreachable: 'is out of reach, for all workers',
  untrusted: 'answers but has no vote yet, for all workers',
  misconfigured: 'is misconfigured and has no vote, for all workers',
};

/** Shows what the workers report as it happens, and knows which worker runs which job. */
export class Narrator {
  readonly #open = new Map<string, StartEntry>();
  readonly #nodes = new Map<string, Map<string, NodeSnapshot['status']>>();
  readonly #told = new Map<string, string>();
  readonly #warnings = new Set<string>();
  #long: LongRun | undefined;
  #lastLong: StartEntry | undefined;
  /** When the workers died that were running a job, until another one runs it. */
  readonly #diedAt = new Map<Job, number>();
  #outage: Outage | undefined;

  constructor(
    private readonly screen: Screen,
    private readonly jobs: JobSettings,
  ) {}

  /** The present run of a job. */
  runOf(job: Job): StartEntry | undefined {
    return [...this.#open.values()].find((entry) => entry.job === job);
  }

  /** The nodes that were away are back. */
  isBack(outage: Outage): void {
    this.#outage = outage;
  }

  /** Whether the node votes, as all living workers see it. */
  votes(node: string): boolean {
    return [...this.#nodes.values()].every((nodes) => nodes.get(node) === 'ready');
  }

  hear(worker: WorkerProcess, message: WorkerMessage): void {
    if (message.type === 'started') this.#started(message.entry);
    if (message.type === 'ended') this.#ended(message.entry);
    if (message.type === 'extended' && message.job === LONG_JOB) this.#extended(worker.name);
    if (message.type === 'node') this.#node(worker.name, message.node);
    if (message.type === 'warning') this.#warning(worker.name, message.text);
  }

  /** Forgets a worker that was killed. */
  died(worker: string): void {
    this.#nodes.delete(worker);
    for (const [run, entry] of this.#open) {
      if (entry.worker !== worker) continue;
      this.#open.delete(run);
      this.#diedAt.set(entry.job, monotonicMs());
    }
    if (this.#long?.worker === worker) this.#long = undefined;
  }

  #started(entry: StartEntry): void {
    this.#open.set(entry.run, entry);
    const diedAt = this.#diedAt.get(entry.job);
    this.#diedAt.delete(entry.job);
    const after = diedAt === undefined ? '' : `, ${seconds(entry.at - diedAt)} after its holder died`;
    if (entry.job === LEADER_JOB) {
      this.screen.event('leader', `${entry.worker} leads${after}; token ${entry.token}`, 'magenta');
    }
    if (entry.job === RETRY_JOB && (entry.attempt ?? 0) > 1) {
      const attempt = `begins on ${entry.worker} as attempt ${entry.attempt}`;
      this.screen.event(RETRY_JOB, `${clockTime(entry.tick ?? 0)} ${attempt}${after}`, 'blue');
    }
    if (entry.job === LONG_JOB) this.#longStarted(entry, after);
  }

  #longStarted(entry: StartEntry, after: string): void {
    const before = this.#lastLong;
    const tokens =
      before === undefined ? `token ${entry.token}` : `token ${entry.token} after ${before.token}`;
    this.screen.event(LONG_JOB, `${entry.worker} has it${after}; ${tokens}`, 'cyan');
    this.#lastLong = entry;
    this.#long = { ...entry, extensions: 0, ttls: 0 };
  }

  #ended(entry: EndEntry): void {
    const start = this.#open.get(entry.run);
    if (start === undefined) return;
    this.#open.delete(entry.run);
    switch (start.job) {
      case TICK_JOB:
        return this.#ticked('tick', start, entry);
      case CATCH_UP_JOB:
        return this.#ticked(start.job, start, entry, 'blue');
      case RETRY_JOB:
        if (entry.outcome === 'done') return this.#ticked(start.job, start, entry, 'blue');
        return this.screen.event(start.job, `${start.worker} LOST ITS LEASE`, 'red');
      case LEADER_JOB: {
        const how = entry.outcome === 'stopped' ? 'resigns' : 'leads no longer';
        return this.screen.event(
          'leader',
          `${start.worker} ${how} after ${seconds(entry.at - start.at)}`,
          'magenta',
        );
      }
      case LONG_JOB:
        return this.#longEnded(start, entry);
    }
  }

  #longEnded(start: StartEntry, entry: EndEntry): void {
    const extensions = this.#long?.run === entry.run ? this.#long.extensions : 0;
    const how = { done: 'is done', lost: 'LOST ITS LEASE', stopped: 'stops' }[entry.outcome];
    const text = `${start.worker} ${how} after ${seconds(entry.at - start.at)} and ${extensions} extensions`;
    this.screen.event(LONG_JOB, text, entry.outcome === 'lost' ? 'red' : 'cyan');
    if (this.#long?.run === entry.run) this.#long = undefined;
  }

  #ticked(subject: string, start: StartEntry, end: EndEntry, style?: 'blue'): void {
    const tick = start.tick ?? 0;
    const late = Math.max(0, Math.round(start.wallMs - tick));
    const took = Math.max(1, Math.round(end.at - start.at));
    const ran = this.#isCaughtUp(start) ? 'was CAUGHT UP' : 'ran';
    const text = `${clockTime(tick)} ${ran} on ${start.worker}: began at +${late} ms, took ${took} ms`;
    this.screen.event(subject, text, style);
  }

  #isCaughtUp({ job, tick, wallMs }: StartEntry): boolean {
    const outage = this.#outage;
    return (
      outage !== undefined &&
      job !== TICK_JOB &&
      tick !== null &&
      tick > outage.fromMs &&
      tick <= outage.resumedMs &&
      wallMs >= outage.resumedMs
    );
  }

  #extended(worker: string): void {
    const long = this.#long;
    if (long === undefined || long.worker !== worker) return;
    long.extensions++;
    const ttls = Math.floor((monotonicMs() - long.at) / this.jobs.longTtlMs);
    if (ttls <= long.ttls) return;
    long.ttls = ttls;
    const age = `${ttls} TTL${ttls === 1 ? '' : 's'}`;
    const text = `${worker} still has it after ${age}, extended ${long.extensions} times`;
    this.screen.event(LONG_JOB, text, 'cyan');
  }

  /** Shows a node's state when all workers see it: each of them finds out by itself. */
  #node(worker: string, { name, status }: NodeSnapshot): void {
    const seen = this.#nodes.get(worker) ?? new Map<string, NodeSnapshot['status']>();
    this.#nodes.set(worker, seen.set(name, status));
    if (status === 'connecting' || status === 'new' || status === 'closed') return;
    if (![...this.#nodes.values()].every((nodes) => nodes.get(name) === status)) return;
    const before = this.#told.get(name);
    this.#told.set(name, status);
    if (before === undefined || before === status) return;
    this.screen.event(name, SEEN_AS[status], status === 'ready' ? 'green' : 'yellow');
  }

  /** Shows a warning once for all workers: most warnings concern all of them. */
  #warning(worker: string, text: string): void {
    if (this.#warnings.has(text)) return;
    this.#warnings.add(text);
    this.screen.event(worker, text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text, 'yellow');
  }
}
