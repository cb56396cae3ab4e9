import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager } from 'quorlock';
import type { RedisServer } from '../../test/support/redis-server.js';
import type { Kill } from './check.js';
import type { LongRun, Narrator } from './narrator.js';
import type { JobSettings, Step } from './plan.js';
import { LONG_JOB, monotonicMs, TICK_JOB } from './record.js';
import type { Screen } from './screen.js';
import type { WorkerProcess } from './worker-process.js';

export interface DemoNode {
  readonly name: string;
  readonly server: RedisServer;
}

/** One fault that was made, for the summary. */
export interface Fault {
  readonly what: string;
  /** Epoch milliseconds. */
  readonly fromMs: number;
  /** When it was undone; `undefined` for a worker, which stays dead, and if the end came first. */
  toMs: number | undefined;
  readonly kill?: Kill & { readonly token: number };
}

/** A holder is killed only after it has held its lock for longer than its TTL, and well before its end. */
const HELD_FROM_TTLS = 1.25;
const HELD_TO_TTLS = 3;
const LOOK_MS = 10;
const SECOND_MS = 1_000;

/** Makes the faults of the plan. */
export class Faults {
  readonly done: Fault[] = [];
  readonly #away = new Map<string, Fault>();
  /** Inspects the locks from outside, like an operator. */
  readonly #watcher: LockManager;

  constructor(
    private readonly nodes: readonly DemoNode[],
    private readonly workers: readonly WorkerProcess[],
    private readonly narrator: Narrator,
    private readonly jobs: JobSettings,
    private readonly screen: Screen,
  ) {
    const sources = nodes.map(({ name, server }) => ({ name, ...server.options }));
    this.#watcher = new LockManager({
      nodes: sources,
      holder: 'demo',
      maxTtlMs: jobs.longTtlMs,
      warn: () => undefined,
    });
  }

  get kills(): Kill[] {
    return this.done.flatMap(({ kill }) => (kill === undefined ? [] : [kill]));
  }

  /** Makes one step of the plan. Waits for a holder to kill until the signal aborts. */
  async make(step: Step, over: AbortSignal): Promise<void> {
    if (step.action === 'kill-worker') return this.#killHolder(over);
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

  /** Kills the holder of the long job, in the middle of a run that is longer than its TTL. */
  async #killHolder(over: AbortSignal): Promise<void> {
    let found = this.#holder();
    while (found === undefined && !over.aborted) {
      await sleep(LOOK_MS);
      found = this.#holder();
    }
    if (found === undefined) return;
    const { run, worker } = found;
    await worker.scrape();
    const fromMs = Date.now();
    const at = await worker.kill();
    this.narrator.died(worker.name);
    this.screen.event(worker.name, `killed with SIGKILL while it holds ${LONG_JOB}`, ['bold', 'red']);
    const claimedTick = await this.#claimedTick(worker.name, fromMs);
    this.done.push({
      what: `${worker.name} killed with SIGKILL`,
      fromMs,
      toMs: undefined,
      kill: { worker: worker.name, at, claimedTick, token: run.token },
    });
  }

  #holder(): { run: LongRun; worker: WorkerProcess } | undefined {
    const run = this.narrator.longRun;
    const worker = this.workers.find(({ name, alive }) => alive && name === run?.worker);
    if (run === undefined || worker === undefined) return undefined;
    const ttls = (monotonicMs() - run.at) / this.jobs.longTtlMs;
    return ttls >= HELD_FROM_TTLS && ttls <= HELD_TO_TTLS ? { run, worker } : undefined;
  }

  /**
   * The tick of the second in which the worker died, if the worker was claiming it or had claimed it: its key
   * is on a node, or the tick is on record. If another worker ran the tick, the claim does not matter.
   */
  async #claimedTick(worker: string, killedMs: number): Promise<number | undefined> {
    const tick = Math.floor(killedMs / SECOND_MS) * SECOND_MS;
    const { nodes, lastTick } = await this.#watcher.inspect(TICK_JOB);
    return lastTick === tick || nodes.some(({ holder }) => holder === worker) ? tick : undefined;
  }
}
