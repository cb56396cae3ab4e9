import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager } from 'quorlock';
import type { RedisServer } from '../../test/support/redis-server.js';
import type { JobTick, Kill } from './check.js';
import type { Outage } from './due.js';
import type { Narrator } from './narrator.js';
import type { JobSettings, Step, Victim } from './plan.js';
import { CATCH_UP_JOB, monotonicMs, TICK_JOB, type Job, type StartEntry } from './record.js';
import { seconds, type Screen } from './screen.js';
import type { WorkerProcess } from './worker-process.js';

export interface DemoNode {
  readonly name: string;
  readonly server: RedisServer;
}

/** The end of a worker, and the run that it was in. */
export interface WorkerDeath extends Kill {
  readonly job: Job;
  readonly tick: number | null;
  /** When the run began, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
}

/** One fault that was made, for the summary. */
export interface Fault {
  readonly what: string;
  /** Epoch milliseconds. */
  readonly fromMs: number;
  /** When it was undone; `undefined` for a worker, which stays dead, and if the end came first. */
  toMs: number | undefined;
  readonly kill?: WorkerDeath;
}

const LOOK_MS = 10;
/** The majority comes back so long after a tick of the job that catches up, as a share of its distance. */
const BACK_FROM = 0.1;
const BACK_TO = 0.35;

/** Makes the faults of the plan. */
export class Faults {
  readonly done: Fault[] = [];
  readonly outages: Outage[] = [];
  readonly #away = new Map<string, Fault>();
  /** Inspects the locks from outside, like an operator. */
  readonly #watcher: LockManager;

  constructor(
    private readonly nodes: readonly DemoNode[],
    private readonly workers: readonly WorkerProcess[],
    private readonly narrator: Narrator,
    private readonly jobs: JobSettings,
    private readonly screen: Screen,
    /** Starts a worker in place of one that was killed. */
    private readonly startWorker: () => WorkerProcess,
  ) {
    const sources = nodes.map(({ name, server }) => ({ name, ...server.options }));
    this.#watcher = new LockManager({
      nodes: sources,
      holder: 'demo',
      maxTtlMs: jobs.longTtlMs,
      warn: () => undefined,
    });
  }

  get deaths(): WorkerDeath[] {
    return this.done.flatMap(({ kill }) => (kill === undefined ? [] : [kill]));
  }

  /** Makes one step of the plan. Waits for a holder to kill until the signal aborts. */
  async make(step: Step, over: AbortSignal): Promise<void> {
    if ('victim' in step) return this.#killWorker(step.victim, over);
    if ('nodes' in step) {
      if (step.action === 'stop-majority') return this.#stopMajority(step.nodes);
      return this.#resumeMajority(step.nodes, over);
    }
    const node = this.nodes[step.node]!;
    if (step.action === 'kill-node' || step.action === 'stop-node') {
      if (!(await this.#canSpare(node, over))) return;
    }
    switch (step.action) {
      case 'kill-node':
        return this.#kill(node);
      case 'stop-node':
        node.server.pause();
        return this.#gone(node, 'stopped with SIGSTOP: it is connected and does not answer');
      case 'resume-node':
        if (!this.#away.has(node.name)) return;
        node.server.resume();
        return this.#back(node, 'resumed with SIGCONT');
      case 'restart-node':
        if (!this.#away.has(node.name)) return;
        await node.server.start();
        return this.#back(node, 'started again, without its data');
    }
  }

  async close(): Promise<void> {
    await this.#watcher.close();
  }

  /** Waits until a majority votes without this node: workers do not trust a node that came back at once. */
  async #canSpare({ name }: DemoNode, over: AbortSignal): Promise<boolean> {
    const isEnough = (): boolean =>
      this.nodes.filter((node) => node.name !== name && this.narrator.votes(node.name)).length >
      this.nodes.length / 2;
    while (!isEnough() && !over.aborted) await sleep(LOOK_MS);
    return !over.aborted;
  }

  async #kill(node: DemoNode): Promise<void> {
    const dead = node.server.kill();
    this.#gone(node, 'killed with SIGKILL');
    await dead;
  }

  #gone(node: DemoNode, how: string): void {
    const fault: Fault = { what: `${node.name} ${how.split(':')[0]}`, fromMs: Date.now(), toMs: undefined };
    this.done.push(fault);
    this.#away.set(node.name, fault);
    this.#tell(node, how, 'red');
  }

  #back(node: DemoNode, how: string): void {
    const fault = this.#away.get(node.name);
    if (fault !== undefined) fault.toMs = Date.now();
    this.#away.delete(node.name);
    this.#tell(node, how, 'green');
  }

  #tell(node: DemoNode, how: string, colour: 'red' | 'green'): void {
    const up = this.nodes.length - this.#away.size;
    this.screen.event(node.name, `${how}; ${up} of ${this.nodes.length} nodes are up`, ['bold', colour]);
  }

  /** Stops so many nodes at once that the others are no majority. They keep what they know. */
  #stopMajority(indices: readonly number[]): void {
    const fromMs = Date.now();
    for (const index of indices) this.nodes[index]!.server.pause();
    const what = `${indices.length} of ${this.nodes.length} nodes stopped with SIGSTOP`;
    this.done.push({ what, fromMs, toMs: undefined });
    const names = indices.map((index) => this.nodes[index]!.name).join(', ');
    this.screen.event('nodes', `${names} stopped with SIGSTOP: no majority is up`, ['bold', 'red']);
  }

  /** Resumes them soon after a tick of the job that catches up, so that there is time to run it late. */
  async #resumeMajority(indices: readonly number[], over: AbortSignal): Promise<void> {
    const fault = this.done.at(-1)!;
    const { catchUpEveryMs: every } = this.jobs;
    const sinceTick = (): number => (Date.now() % every) / every;
    while (!(sinceTick() >= BACK_FROM && sinceTick() <= BACK_TO) && !over.aborted) await sleep(LOOK_MS);
    const resumedMs = Date.now();
    for (const index of indices) this.nodes[index]!.server.resume();
    this.screen.event('nodes', 'resumed with SIGCONT: a majority is up again', ['bold', 'green']);
    this.narrator.isBack({ fromMs: fault.fromMs, resumedMs, toMs: resumedMs });
    const isMajority = (): boolean =>
      this.nodes.filter(({ name }) => this.narrator.votes(name)).length > this.nodes.length / 2;
    while (!isMajority() && !over.aborted) await sleep(LOOK_MS);
    fault.toMs = Date.now();
    this.outages.push({ fromMs: fault.fromMs, resumedMs, toMs: fault.toMs });
  }

  /** Kills a worker in the middle of a run. Waits for one, and for another worker that can take over. */
  async #killWorker(victim: Victim, over: AbortSignal): Promise<void> {
    const found = await this.#victim(victim, over);
    if (found === undefined) return;
    const { run, worker } = found;
    const killedMs = Date.now();
    const at = await worker.kill();
    this.narrator.died(worker.name);
    const doing = {
      'long-job': 'while it holds',
      'retry-job': 'in the middle of',
      leader: 'while it is the',
    };
    const age = seconds(at - run.at);
    const what = `killed with SIGKILL ${doing[victim]} ${victim}`;
    this.screen.event(worker.name, `${what}, ${age} after it began`, ['bold', 'red']);
    const claimed = await this.#claimed(worker.name, killedMs);
    this.done.push({
      what: `${worker.name} killed with SIGKILL`,
      fromMs: killedMs,
      toMs: undefined,
      kill: { worker: worker.name, at, claimed, job: victim, tick: run.tick, startedAt: run.at },
    });
    const next = this.startWorker();
    this.screen.event(next.name, `started in place of ${worker.name}, pid ${next.pid}`, ['bold', 'green']);
  }

  async #victim(
    victim: Victim,
    over: AbortSignal,
  ): Promise<{ readonly run: StartEntry; readonly worker: WorkerProcess } | undefined> {
    while (!over.aborted) {
      const run = this.narrator.runOf(victim);
      const worker = this.workers.find(({ name }) => name === run?.worker);
      const others = this.workers.filter((one) => one.isReady && one !== worker);
      if (run !== undefined && worker?.isReady && others.length > 0 && this.#isInMiddle(victim, run)) {
        await worker.scrape();
        // On a busy machine that took its time.
        if (this.narrator.runOf(victim) === run && this.#isInMiddle(victim, run)) return { run, worker };
      }
      await sleep(LOOK_MS);
    }
    return undefined;
  }

  /**
   * A holder is killed only after it has held its lock for longer than its TTL, and well before its end.
   */
  #isInMiddle(victim: Victim, { at }: StartEntry): boolean {
    const { longTtlMs, retryRunMs } = this.jobs;
    const age = monotonicMs() - at;
    if (victim === 'long-job') return age >= 1.25 * longTtlMs && age <= 3 * longTtlMs;
    if (victim === 'retry-job') return age >= 0.2 * retryRunMs && age <= 0.7 * retryRunMs;
    return true;
  }

  /**
   * The ticks at the time when the worker died, if the worker was claiming them or had claimed them: its key
   * is on a node, or the tick is on record. If another worker ran the tick, the claim does not matter.
   */
  async #claimed(worker: string, killedMs: number): Promise<JobTick[]> {
    const jobs = [
      { job: TICK_JOB, everyMs: 1_000 },
      { job: CATCH_UP_JOB, everyMs: this.jobs.catchUpEveryMs },
    ] as const;
    const claims = jobs.map(async ({ job, everyMs }) => {
      const tick = Math.floor(killedMs / everyMs) * everyMs;
      const { nodes, lastTick } = await this.#watcher.inspect(job);
      return lastTick === tick || nodes.some(({ holder }) => holder === worker) ? [{ job, tick }] : [];
    });
    return (await Promise.all(claims)).flat();
  }
}
