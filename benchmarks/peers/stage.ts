import { setTimeout as sleep } from 'node:timers/promises';
import { check } from '../../test/faults/harness/checker.js';
import { FaultProxy, type Link } from '../../test/support/fault-proxy.js';
import { FencedStore } from '../../test/faults/harness/fenced-store.js';
import { beliefEndOf, historiesOf } from '../../test/faults/harness/intervals.js';
import { startNodes, type FaultNode } from '../../test/faults/harness/nodes.js';
import { nowMs, type RunRecord } from '../../test/faults/harness/records.js';
import type { WorkerMessage } from '../../test/faults/harness/worker-config.js';
import { FaultWorker } from '../../test/faults/harness/workers.js';
import type { Subject } from './subjects.js';

/**
 * The figures of one run of one scenario: milliseconds and counts. All but `longestCallMs` are 0 if nothing
 * went wrong.
 */
export interface Figures {
  /** How long two running holders both believed to hold the resource. */
  readonly overlapMs: number;
  /** Writes of a holder that the store accepted after a write of a later holder. */
  readonly staleWrites: number;
  /** How long a holder believed to hold the resource after its keys had expired on a majority. */
  readonly abortLateMs: number;
  /** The longest call of the holder: acquire or release. */
  readonly longestCallMs: number;
  /** Calls for a free resource that were refused or did not end, while a majority of the nodes worked. */
  readonly falseFailures: number;
  /** Leases that were lost while a majority of the nodes worked. */
  readonly falseLosses: number;
  /** Keys on working nodes whose owner did not need them any more. */
  readonly leakedKeys: number;
  readonly lostTicks: number;
  readonly duplicateTicks: number;
  /** Errors that a caller could not catch. Without a handler they end the process. */
  readonly crashes: number;
}

const OBSERVE_MS = 20;
const WARM_UP_TTL_MS = 2_000;
/** The longest time that is measured. A longer call counts as this long. */
const LONGEST_WAIT_MS = 12_000;

export interface StageTerms {
  readonly subject: Subject;
  readonly nodes: number;
  readonly workers: number;
  readonly maxTtlMs: number;
  readonly tickMs?: number;
}

/** Real nodes and real worker processes of one library, for one scenario. */
export class Stage {
  readonly #terms: StageTerms;
  readonly #records: RunRecord[] = [];
  readonly #store = new FencedStore();
  readonly #resourceOf = new Map<string, string>();
  readonly #owed = { acquire: [] as string[], keep: [] as string[] };
  readonly #watched: { readonly lease: string; readonly resource: string }[] = [];
  /** For each watched lease, when its key expires on each node, as far as the node could be asked. */
  readonly #expiries = new Map<string, number[]>();
  readonly #stopped = new Set<number>();
  nodes: readonly FaultNode[] = [];
  workers: FaultWorker[] = [];
  #proxies: readonly FaultProxy[] = [];
  #stopNodes: () => Promise<void> = () => Promise.resolve();
  #observing = false;
  #leakedKeys = 0;
  #falseFailures = 0;
  /** By the wall clock, like ticks. A tick that began earlier may have run earlier. */
  #warmSince = 0;

  constructor(terms: StageTerms) {
    this.#terms = terms;
  }

  async open(): Promise<this> {
    const { nodes, stop } = await startNodes(this.#terms.nodes);
    this.nodes = nodes;
    this.#stopNodes = stop;
    this.#proxies = await Promise.all(
      nodes.map((node) => new FaultProxy({ path: node.server.path }).listen()),
    );
    const { subject, workers, maxTtlMs, tickMs = 0 } = this.#terms;
    for (let index = 0; index < workers; index++) {
      const name = `w${index + 1}`;
      const options = {
        nodes: this.#proxies.map(({ port }) => ({ host: '127.0.0.1', port })),
        setting: subject.setting,
        holder: name,
        connectionName: name,
        maxTtlMs,
      };
      const config = {
        adapter: subject.adapter,
        options,
        name,
        resources: [],
        seed: index,
        tickMs,
        tickTtlMs: 2_000,
      };
      const worker = new FaultWorker(config, (message) => this.#hear(name, message));
      this.workers.push(worker);
      const ready = await worker.next(({ type }) => type === 'ready');
      if (!ready) throw new Error(`${subject.name}: the worker did not start; it wrote:\n${worker.output}`);
    }
    this.#observing = true;
    void this.#observe();
    await this.#warmUp();
    return this;
  }

  /**
   * Warms up, so that the fault happens to a running program: it is connected, and its scripts are loaded.
   */
  async #warmUp(): Promise<void> {
    await Promise.all(
      this.workers.map(async (worker, index) => {
        const lease = `${worker.name}-warm`;
        this.contend(index, lease, lease, WARM_UP_TTL_MS);
        const held = await worker.next((message) => message.type === 'acquired');
        if (held?.type !== 'acquired') throw new Error(`${worker.name} cannot acquire from working nodes`);
        this.release(index, held.lease);
        await worker.next(({ type }) => type === 'released');
      }),
    );
    await sleep(500);
    this.#records.length = 0;
    this.#warmSince = Date.now();
  }

  async close(): Promise<void> {
    this.#observing = false;
    await Promise.all(this.workers.map((worker) => worker.kill()));
    await this.#stopNodes();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  /** Starts one call of acquire. */
  acquire(worker: number, lease: string, resource: string, ttlMs: number, writeEveryMs?: number): void {
    const writes = writeEveryMs === undefined ? {} : { writeEveryMs };
    this.workers[worker]!.send({ do: 'acquire', lease, resource, ttlMs, waitMs: 0, ...writes });
  }

  /** Starts to call acquire until it succeeds. */
  contend(worker: number, lease: string, resource: string, ttlMs: number, writeEveryMs?: number): void {
    const writes = writeEveryMs === undefined ? {} : { writeEveryMs };
    this.workers[worker]!.send({ do: 'contend', lease, resource, ttlMs, ...writes });
  }

  release(worker: number, lease: string): void {
    this.workers[worker]!.send({ do: 'release', lease });
  }

  /** Waits until acquire has ended or has taken too long. Returns whether the lease is held. */
  async settled(lease: string): Promise<boolean> {
    const is = (type: RunRecord['type']): boolean =>
      this.#records.some((record) => record.type === type && (record as { lease?: string }).lease === lease);
    await this.#wait(() => is('acquired') || is('refused'));
    return is('acquired');
  }

  async released(lease: string): Promise<void> {
    await this.#wait(() =>
      this.#records.some((record) => record.type === 'released' && record.lease === lease),
    );
  }

  /** Two workers call acquire at the same time, and release what they get. At least one has to get it. */
  async race(leases: readonly string[], resource: string, ttlMs: number): Promise<void> {
    const at = nowMs() + 500;
    leases.forEach((lease, worker) =>
      this.workers[worker]!.send({ do: 'acquire', lease, resource, ttlMs, waitMs: 0, at }),
    );
    const got = await Promise.all(
      leases.map(async (lease, worker) => {
        const held = await this.settled(lease);
        if (held) this.release(worker, lease);
        return held;
      }),
    );
    if (!got.includes(true)) this.#falseFailures++;
  }

  /** Acquires while the resource is free and a majority works: a refusal is a failure. */
  mustAcquire(lease: string): void {
    this.#owed.acquire.push(lease);
  }

  /** Says that a majority works from now on: a loss of this lease is a failure. */
  mustKeep(lease: string): void {
    this.#owed.keep.push(lease);
  }

  /** From now on, asks the nodes how long the keys of this lease live. */
  watch(lease: string, resource: string): void {
    this.#watched.push({ lease, resource });
  }

  pauseNode(node: number): void {
    this.#stopped.add(node);
    this.nodes[node]!.pause();
  }

  resumeNode(node: number): void {
    this.nodes[node]!.resume();
    this.#stopped.delete(node);
  }

  way(worker: number, nodes: readonly number[], way: Partial<Link>): void {
    for (const node of nodes) this.#proxies[node]!.set(this.workers[worker]!.name, way);
  }

  /** Counts the keys of a resource that has no owner now. */
  async countLeaks(resource: string): Promise<void> {
    const keys = await Promise.all(this.nodes.map((node) => node.locks(`*${resource}`)));
    this.#leakedKeys += keys.flatMap((found) => found ?? []).length;
  }

  figures(): Figures {
    const endedAt = nowMs();
    const records = this.#records.toSorted((a, b) => a.at - b.at);
    const { findings } = check(records, {
      nodes: this.#terms.nodes,
      endedAt,
      acquireGraceMs: Infinity,
      hungAfterMs: Infinity,
      leakGraceMs: Infinity,
      recoveryMs: 0,
      tickMs: this.#terms.tickMs ?? 1_000,
    });
    const { histories, stalls } = historiesOf(records);
    const byLease = new Map(histories.map((history) => [history.lease, history]));
    const sum = (list: readonly { readonly ms?: number }[]): number =>
      list.reduce((total, { ms = 0 }) => total + ms, 0);
    const late = this.#watched.map(({ lease }) => {
      const history = byLease.get(lease);
      if (history?.acquiredAt === undefined) return 0;
      const end = Math.min(beliefEndOf(history), endedAt);
      const goneAt = this.#goneAt(lease);
      const pauses = (stalls.get(history.worker) ?? []).filter(({ from, to }) => to > goneAt && from < end);
      const paused = pauses.reduce(
        (total, { from, to }) => total + Math.min(to, end) - Math.max(from, goneAt),
        0,
      );
      return Math.max(0, end - goneAt - paused);
    });
    const calls = histories
      .filter(({ lease }) => !lease.includes('#'))
      .flatMap(({ requestedAt, answeredAt = endedAt, releaseAt, releasedAt = endedAt }) => [
        answeredAt - requestedAt,
        releaseAt === undefined ? 0 : releasedAt - releaseAt,
      ]);
    return {
      overlapMs: Math.round(sum(findings.overlaps)),
      staleWrites: findings.staleWrites.length,
      abortLateMs: Math.round(Math.max(0, ...late)),
      longestCallMs: Math.round(Math.max(0, ...calls)),
      falseFailures:
        this.#falseFailures +
        this.#owed.acquire.filter((lease) => byLease.get(lease)?.acquiredAt === undefined).length,
      falseLosses: this.#owed.keep.filter((lease) => byLease.get(lease)?.lostAt !== undefined).length,
      leakedKeys: this.#leakedKeys,
      lostTicks: findings.lostJobs.length,
      duplicateTicks: findings.duplicates.length,
      crashes: findings.crashes.length,
    };
  }

  /** When the lease's keys had expired on all but a minority; Infinity while a majority has them. */
  #goneAt(lease: string): number {
    const expiries = this.#expiries.get(lease);
    if (!expiries) return Infinity;
    const majority = Math.floor(this.#terms.nodes / 2) + 1;
    return expiries.toSorted((a, b) => b - a)[majority - 1] ?? Infinity;
  }

  #hear(worker: string, message: WorkerMessage): void {
    if (message.type === 'idle') return;
    if (message.type === 'tick' && message.tick <= this.#warmSince) return;
    this.#records.push({ ...message, worker });
    if (message.type === 'acquire') this.#resourceOf.set(message.lease, message.resource);
    if (message.type !== 'write') return;
    const resource = this.#resourceOf.get(message.lease) ?? '';
    const accepted = this.#store.write(resource, message.token);
    this.#records.push({ type: 'stored', at: nowMs(), worker, lease: message.lease, resource, accepted });
  }

  async #wait(until: () => boolean): Promise<void> {
    for (const end = nowMs() + LONGEST_WAIT_MS; nowMs() < end && !until();) await sleep(10);
  }

  /** The value of a watched lease is the one that is there when the watch begins. */
  async #observe(): Promise<void> {
    const values = new Map<string, string>();
    while (this.#observing) {
      await Promise.all(
        this.#watched.flatMap(({ lease, resource }) =>
          this.nodes.map(async (node, index) => {
            // Keys on a stopped node expire as usual, but the node cannot be asked.
            if (this.#stopped.has(index)) return;
            const found = await Promise.race([node.locks(`*${resource}`), sleep(200)]);
            const at = nowMs();
            if (!found || this.#stopped.has(index)) return;
            const key = found[0];
            if (key && !values.has(lease)) values.set(lease, key.value);
            const expiries = this.#expiries.get(lease) ?? Array.from({ length: this.nodes.length }, () => 0);
            this.#expiries.set(lease, expiries);
            const isOurs = key !== undefined && key.value === values.get(lease);
            expiries[index] = isOurs ? at + key.remainingMs : Math.min(expiries[index] ?? at, at);
          }),
        ),
      );
      await sleep(OBSERVE_MS);
    }
  }
}
