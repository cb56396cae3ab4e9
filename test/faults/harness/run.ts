import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './adapter.js';
import { check, type CheckedRun } from './checker.js';
import { FaultDatabase } from './database-node.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { FencedStore } from './fenced-store.js';
import { startNodes, type FaultServer } from './nodes.js';
import { nowMs, type RunRecord } from './records.js';
import { describeFault, firstList, FORGOT_UNSEEN, type Fault } from './schedule.js';
import { watchStalls } from './stalls.js';
import { UnseenLosses } from './unseen-losses.js';
import type { Contended, WorkerMessage } from './worker-config.js';
import { FaultWorker } from './workers.js';

export interface RunTerms {
  /** The adapter of the library under test; by default quorlock's. */
  readonly adapter?: URL;
  /** The client library that quorlock's nodes are given by; by default they are given as options. */
  readonly client?: string;
  readonly seed: number;
  readonly nodes: number;
  readonly workers: number;
  readonly faults: readonly Fault[];
  /** How long the workers run. The last fault ends earlier, so that keys left behind can be seen. */
  readonly seconds: number;
  readonly maxTtlMs: number;
  /** Whether the workers begin with all nodes but the last, because the list of nodes changes. */
  readonly listChanges?: boolean;
  /** The nodes that are databases; by default none. */
  readonly databases?: readonly number[];
  /** Whether the last node is no node, but the fallback. It is a database. */
  readonly hasFallback?: boolean;
  readonly resources: readonly Contended[];
  readonly say: (line: string) => void;
}

export interface RunResult extends CheckedRun {
  readonly seconds: number;
  /** The instant that the schedule counts from. */
  readonly startedAt: number;
  readonly records: readonly RunRecord[];
}

const QUORLOCK = new URL('./quorlock-adapter.ts', import.meta.url);
const TICK_MS = 1_000;
const OBSERVE_MS = 300;
const BACK_UP_MS = 20_000;
/** A stall up to this length goes unnoticed with a node timeout of 100 ms, which the shortest TTL has. */
const BRIEF_STALL_MS = 40;
/**
 * Two seconds for the attempt that began before the wait ended, and two seconds for connections: a process
 * that has just started waits for the first reply of each node, or for the end of its connection timeout.
 */
const ACQUIRE_GRACE_MS = 4_000;
/** After a fault a client may wait up to 1.5 s before it connects again. The rest is time to connect. */
const RECOVERY_MS = 3_000;

/**
 * Starts real redis-servers and real workers, runs a schedule of faults, and gives all records to the
 * checker.
 */
export async function runFaults(terms: RunTerms): Promise<RunResult> {
  const world = new World(terms);
  try {
    return await world.run();
  } finally {
    await world.stop();
  }
}

interface WorkerSlot {
  readonly index: number;
  generation: number;
  /** The name of this slot's connections. A replacement worker uses the same name. */
  readonly connectionName: string;
  worker: FaultWorker;
}

class World {
  readonly #terms: RunTerms;
  readonly #records: RunRecord[] = [];
  readonly #store = new FencedStore();
  readonly #resourceOf = new Map<string, string>();
  readonly #slots: WorkerSlot[] = [];
  readonly #seen = new Map<string, number>();
  /** The last fault of each server, which may not be over. */
  readonly #faultsOf = new Map<number, Promise<void>>();
  #nodes: readonly FaultServer[] = [];
  #proxies: readonly FaultProxy[] = [];
  #stopNodes: () => Promise<void> = () => Promise.resolve();
  #observing: NodeJS.Timeout | undefined;
  #backingUp: NodeJS.Timeout | undefined;
  #list: readonly number[];
  readonly #unseenLosses = new UnseenLosses();
  #stopWatching: () => void = () => undefined;
  #startedAt = 0;
  #acquired = 0;
  #ofFallback = 0;

  constructor(terms: RunTerms) {
    this.#terms = terms;
    const { nodes, hasFallback = false } = terms;
    this.#list = hasFallback ? firstList({ nodes: nodes - 1 }) : firstList(terms);
  }

  async run(): Promise<RunResult> {
    const { workers, faults, seconds, say } = this.#terms;
    const nodes = await this.#startServers();
    this.#proxies = await Promise.all(nodes.map((node) => new FaultProxy(node.target).listen()));
    const beganAt = nowMs();
    for (let index = 0; index < workers; index++) this.#slots.push(await this.#open(index));
    this.#startedAt = nowMs();
    // Nodes that are new have no vote at first, and the workers may take their time to start.
    nodes.forEach((_, node) =>
      this.#records.push({ type: 'fault', at: beganAt, until: this.#startedAt, kind: 'start', node }),
    );
    this.#observing = setInterval(() => void this.#observe(), OBSERVE_MS);
    const backUp = (): void => nodes.forEach((node) => void node.backUp().catch(() => undefined));
    this.#backingUp = setInterval(backUp, BACK_UP_MS);
    // All connections pass through this process: while it does not run, no node can be reached.
    this.#stopWatching = watchStalls({
      stalled: (at, until) => {
        if (until - at < BRIEF_STALL_MS) return;
        nodes.forEach((_, node) =>
          this.#records.push({ type: 'fault', at, until, kind: 'harness-stall', node }),
        );
      },
    });
    const { length: databases } = this.#databases;
    const ofDatabases = databases === 0 ? '' : `${databases} databases, `;
    const servers = `${nodes.length - databases} redis-servers, ${ofDatabases}`;
    say(`${servers}${workers} workers, ${faults.length} faults in ${seconds} s`);

    const injections: Promise<void>[] = [];
    let minute = 0;
    for (const fault of faults) {
      await this.#sleepUntil(fault.atMs);
      if (fault.atMs / 60_000 >= minute + 1) {
        minute = Math.floor(fault.atMs / 60_000);
        say(`-- ${minute} min: ${this.#acquired} leases so far`);
      }
      say(`${(fault.atMs / 1_000).toFixed(1).padStart(7)} s  ${describeFault(fault)}`);
      const injection = this.#inject(fault);
      injections.push(injection);
      // It is awaited when all have begun. Until then a failure must not end the process.
      injection.catch(() => undefined);
    }
    await Promise.all(injections);
    await this.#sleepUntil(seconds * 1_000);
    return this.#finish();
  }

  get #databases(): readonly number[] {
    const { nodes, databases = [], hasFallback = false } = this.#terms;
    return hasFallback ? [...databases, nodes - 1] : databases;
  }

  async #startServers(): Promise<readonly FaultServer[]> {
    const { nodes } = this.#terms;
    const databases = await Promise.all(this.#databases.map(() => FaultDatabase.start()));
    const redis = await startNodes(nodes - databases.length);
    this.#stopNodes = async () => {
      await Promise.all([redis.stop(), ...databases.map((database) => database.stop())]);
    };
    const [ofRedis, ofDatabases] = [redis.nodes.values(), databases.values()];
    this.#nodes = Array.from(
      { length: nodes },
      (_, node) => (this.#databases.includes(node) ? ofDatabases : ofRedis).next().value!,
    );
    return this.#nodes;
  }

  async #finish(): Promise<RunResult> {
    const idle = this.#slots.map((slot) => slot.worker.next(({ type }) => type === 'idle', 20_000));
    for (const { worker } of this.#slots) worker.send({ do: 'finish' });
    await Promise.all(idle);
    // Long enough for the observer to see a key twice that nobody released.
    await sleep(2_000);
    const endedAt = nowMs();
    clearInterval(this.#observing);
    const records = this.#records.sort((a, b) => a.at - b.at);
    const { nodes, hasFallback = false } = this.#terms;
    const checked = check(records, {
      nodes: hasFallback ? nodes - 1 : nodes,
      endedAt,
      acquireGraceMs: ACQUIRE_GRACE_MS,
      hungAfterMs: 10_000,
      leakGraceMs: 1_000,
      recoveryMs: RECOVERY_MS,
      tickMs: TICK_MS,
    });
    const startedAt = this.#startedAt;
    if (hasFallback) this.#terms.say(`leases of the fallback: ${this.#ofFallback} of ${this.#acquired}`);
    return { ...checked, seconds: (endedAt - startedAt) / 1_000, startedAt, records };
  }

  async stop(): Promise<void> {
    clearInterval(this.#observing);
    clearInterval(this.#backingUp);
    this.#stopWatching();
    await Promise.all(this.#slots.map(({ worker }) => worker.kill()));
    await this.#stopNodes();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  async #sleepUntil(atMs: number): Promise<void> {
    const leftMs = this.#startedAt + atMs - nowMs();
    if (leftMs > 0) await sleep(leftMs);
  }

  async #open(index: number): Promise<WorkerSlot> {
    const connectionName = `worker-${index + 1}`;
    const worker = this.#startWorker(index, 1, connectionName);
    await worker.next(({ type }) => type === 'ready');
    return { index, generation: 1, connectionName, worker };
  }

  #startWorker(index: number, generation: number, connectionName: string): FaultWorker {
    const { seed, resources, maxTtlMs, adapter = QUORLOCK, client } = this.#terms;
    const name = `w${index + 1}.${generation}`;
    const address = (at: number): Address => ({
      host: '127.0.0.1',
      port: this.#proxies[at]!.port,
      ...(this.#databases.includes(at) ? { isDatabase: true } : {}),
    });
    const options = {
      nodes: this.#list.map(address),
      ...(this.#terms.hasFallback === true ? { fallback: address(this.#terms.nodes - 1) } : {}),
      setting: 'defaults',
      holder: name,
      connectionName,
      maxTtlMs,
      ...(client && { client }),
    } as const;
    return new FaultWorker(
      {
        adapter: adapter.href,
        options,
        name,
        resources,
        seed: seed * 1_000 + index * 50 + generation,
        tickMs: TICK_MS,
        tickTtlMs: TICK_MS,
      },
      (message) => this.#onMessage(name, message),
    );
  }

  #onMessage(worker: string, message: WorkerMessage): void {
    if (message.type === 'idle') return;
    this.#records.push({ ...message, worker });
    if (message.type === 'acquire') this.#resourceOf.set(message.lease, message.resource);
    if (message.type === 'acquired') this.#acquired++;
    if (message.type === 'acquired' && message.fallback === true) this.#ofFallback++;
    if (message.type === 'write') {
      const { lease, token } = message;
      const resource = this.#resourceOf.get(lease) ?? '';
      const accepted = this.#store.write(resource, token);
      this.#records.push({ type: 'stored', at: nowMs(), worker, lease, resource, accepted });
    }
  }

  /** Reads all nodes without the proxies. A key that is seen twice in a row is recorded. */
  async #observe(): Promise<void> {
    await Promise.all(
      this.#nodes.map(async (node, index) => {
        const at = nowMs();
        const found = (await node.locks('lock:*')) ?? [];
        // It was read somewhere in between: the key may have been set after `at`.
        const readAt = nowMs();
        for (const { key, value } of found) {
          const place = `${index} ${key} ${value}`;
          const firstAt = this.#seen.get(place);
          if (firstAt === undefined) {
            this.#seen.set(place, readAt);
            continue;
          }
          const [, worker = ''] = value.split('@');
          const resource = key.slice('lock:'.length);
          this.#records.push({ type: 'key', at, firstAt, node: index, resource, worker, value });
        }
      }),
    );
  }

  /**
   * The faults of a server come one after the other: on a busy machine it may start later than its next fault
   * is due, and a server that does not run yet can be neither stopped nor killed.
   */
  async #inject(fault: Fault): Promise<void> {
    const isOfServers = ['node-stop', 'node-kill', 'nodes-kill', 'clock-step'].includes(fault.kind);
    const servers = isOfServers && 'nodes' in fault ? fault.nodes : [];
    const before = servers.map((node) => this.#faultsOf.get(node) ?? Promise.resolve());
    const carriedOut = Promise.allSettled(before).then(() => this.#carryOut(fault));
    for (const node of servers) this.#faultsOf.set(node, carriedOut);
    await carriedOut;
  }

  async #carryOut(fault: Fault): Promise<void> {
    const at = nowMs();
    const slots = 'workers' in fault ? fault.workers.map((index) => this.#slots[index]!) : [];
    const nodes = 'nodes' in fault ? fault.nodes : [];
    // A fault that hits all workers is recorded as a fault of the node.
    const names =
      slots.length < this.#slots.length || nodes.length === 0 ? slots.map(({ worker }) => worker.name) : [];
    const links = slots.flatMap(({ connectionName }) =>
      nodes.map((node) => ({ proxy: this.#proxies[node]!, connectionName })),
    );
    let aftermathMs = 0;
    switch (fault.kind) {
      case 'node-stop':
        for (const node of nodes) this.#nodes[node]!.pause();
        await sleep(fault.forMs);
        for (const node of nodes) this.#nodes[node]!.resume();
        break;
      case 'node-kill': {
        const node = this.#nodes[fault.nodes[0]]!;
        await node.kill();
        await sleep(fault.forMs);
        await node.start(fault.data);
        aftermathMs = this.#terms.maxTtlMs;
        break;
      }
      case 'nodes-kill':
        await Promise.all(nodes.map((node) => this.#nodes[node]!.kill()));
        await sleep(fault.forMs);
        await Promise.all(nodes.map((node) => this.#nodes[node]!.start('kept')));
        aftermathMs = this.#terms.maxTtlMs;
        break;
      case 'clock-step':
        await this.#nodes[fault.nodes[0]]!.stepClock(fault.byMs);
        await sleep(fault.forMs);
        await this.#nodes[fault.nodes[0]]!.stepClock(-fault.byMs);
        aftermathMs = this.#terms.maxTtlMs;
        break;
      case 'link':
        for (const { proxy, connectionName } of links) proxy.set(connectionName, fault.link);
        await sleep(fault.forMs);
        for (const { proxy, connectionName } of links) proxy.set(connectionName, {});
        break;
      case 'reset':
        for (const { proxy, connectionName } of links) proxy.reset(connectionName);
        break;
      case 'worker-stop':
        for (const { worker } of slots) worker.pause();
        await sleep(fault.forMs);
        for (const { worker } of slots) worker.resume();
        break;
      case 'worker-block':
        for (const { worker } of slots) worker.send({ do: 'block', forMs: fault.forMs });
        await sleep(fault.forMs);
        break;
      case 'worker-kill':
        await Promise.all(slots.map((slot) => this.#replace(slot)));
        break;
      case 'list':
        this.#list = fault.list;
        for (const slot of slots) {
          await sleep(fault.forMs / slots.length);
          await this.#replace(slot);
        }
        aftermathMs = this.#terms.maxTtlMs;
        break;
    }
    this.#note(fault.kind, at, nowMs() + aftermathMs, nodes, names);
    this.#unseenLosses.suffered(fault.kind, nodes, this.#list);
    const found = fault.kind === 'list' ? this.#unseenLosses.foundBy(fault.list) : [];
    if (found.length > 0) this.#note(FORGOT_UNSEEN, at, nowMs() + aftermathMs, found, []);
  }

  async #replace(slot: WorkerSlot): Promise<void> {
    const { worker } = slot;
    await worker.kill();
    const { name, stalledSince: from, killedAt: at = nowMs() } = worker;
    if (from !== undefined) this.#records.push({ type: 'stall', from, at: nowMs(), worker: name });
    this.#records.push({ type: 'killed', at, worker: name });
    slot.worker = this.#startWorker(slot.index, ++slot.generation, slot.connectionName);
    await slot.worker.next(({ type }) => type === 'ready');
  }

  #note(kind: string, at: number, until: number, nodes: readonly number[], workers: readonly string[]): void {
    for (const node of nodes.length > 0 ? nodes : [undefined]) {
      for (const worker of workers.length > 0 ? workers : [undefined]) {
        this.#records.push({
          type: 'fault',
          at,
          until,
          kind,
          ...(node === undefined ? {} : { node }),
          ...(worker === undefined ? {} : { worker }),
        });
      }
    }
  }
}
