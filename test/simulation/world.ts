import type { LeaseJson } from '../../src/index.js';
import { quarantineMsOf, QuarantineTerm } from '../../src/core/quarantine.js';
import type { StallWorkerData } from '../../src/lock/stall/stall-guard.js';
import { WorkerParts } from '../../src/lock/stall/worker-parts.js';
import type { LockNode } from '../../src/node/lock-node.js';
import { RedisClusterNode } from '../../src/node/redis/cluster/redis-cluster-node.js';
import { RedisNode } from '../../src/node/redis/redis-node.js';
import { Checker } from './checker.js';
import { FencedStore } from './fenced-store.js';
import { Health } from './health.js';
import { reportHeldAtEnd, reportLeftovers } from './leftovers.js';
import { Link, type NetworkFlaw } from './network.js';
import { Rng } from './rng.js';
import type { ScriptFlaw } from './script-model/flaws.js';
import type { Settings } from './settings.js';
import { SimClient } from './sim-client.js';
import { SimCluster } from './sim-cluster.js';
import { simClusterEndpoint, simEndpoint, type Route } from './sim-connection.js';
import { SimProcess } from './sim-process.js';
import { SimServer, type Command, type Voter } from './sim-server.js';
import { SimThread } from './sim-thread.js';
import { TickWatch } from './tick-watch.js';
import { Timeline } from './timeline.js';
import { Trace } from './trace.js';
import type { Violation } from './violation.js';
import { FaultInjector } from './fault-injector.js';

/** A server, or a Cluster of them, and its health. */
export interface WorldNode {
  readonly voter: Voter;
  readonly health: Health;
  /** `undefined`: it is a server. */
  readonly cluster: SimCluster | undefined;
}

/** A client with its process and its links to the servers. */
export interface WorldClient {
  readonly index: number;
  readonly client: SimClient;
  readonly process: SimProcess;
  /** By node: the links to its servers. */
  readonly links: readonly (readonly Link[])[];
  /** Where its addresses lead to, by node; `undefined` for a Cluster, which tells its addresses itself. */
  readonly routes: readonly (Route | undefined)[];
  readonly health: Health;
}

const SWEEP_MS = 250;
/** How long it takes until a worker thread has started. */
const THREAD_STARTS_MS = [20, 150] as const;
const DISCIPLINE_MS = 5_000;
const FIRST_USE_SWEEPS = 12;
/**
 * With the skew, clocks differ by less than a second after a minute. A larger difference counts as a step.
 */
const MOST_NODE_DRIFT = 0.004;
/** Time after the end of the workload: to reconnect and release, and then to close. */
const RECOVERY_MS = 4_000;
const CLOSING_MS = 6_000;

/** Servers, links, clients, faults and the checker, made from one seed. */
export class World {
  readonly timeline = new Timeline();
  readonly rng: Rng;
  readonly trace: Trace;
  readonly checker: Checker;
  readonly store: FencedStore;
  readonly nodes: WorldNode[];
  readonly quarantineMs: number;
  readonly majority: number;
  readonly tickAheadMs: number;
  readonly ticks = new TickWatch(this);
  clients: WorldClient[] = [];
  /** Leases that clients have offered to others. */
  readonly offers: LeaseJson[] = [];
  #generations = 0;
  /** The place of the list that is being deployed. */
  #deployed = 0;
  /** How many sweeps in a row found all nodes within reach of all clients; it stays where it is enough. */
  #sweepsWithAll = 0;
  readonly #sendsTwice: boolean;
  readonly #faults: FaultInjector;
  readonly #closing: SimClient[] = [];

  constructor(
    readonly settings: Settings,
    {
      flaw,
      networkFlaw,
      trace,
      onViolation,
    }: {
      readonly flaw: ScriptFlaw | undefined;
      readonly networkFlaw: NetworkFlaw | undefined;
      readonly trace: boolean;
      readonly onViolation: ((violation: Violation) => void) | undefined;
    },
  ) {
    this.rng = new Rng(settings.seed * 2 + 1);
    this.trace = new Trace(() => this.timeline.now, trace);
    this.#sendsTwice = networkFlaw === 'requests sent twice';
    const fewest = Math.min(settings.nodes, ...(settings.lists ?? []).map((list) => list.length));
    this.majority = Math.floor(fewest / 2) + 1;
    this.quarantineMs = quarantineMsOf(settings.restartQuarantine, settings.nodes, settings.maxTtlMs);
    this.tickAheadMs = settings.tickAheadMs ?? settings.maxTtlMs;
    const onExecuted = (server: SimServer, command: Command, reply: unknown): void =>
      this.trace.executed(server.name, command, reply);
    const serverOf = (name: string): SimServer => {
      const skewMs = this.rng.between(-1, 1) * settings.nodeSkewMs;
      const { fastNodes } = settings;
      const rate = fastNodes === undefined ? this.#rate('node') : this.rng.logBetween(1, fastNodes);
      return new SimServer(
        ...([name, this.timeline, rate, skewMs, flaw, onExecuted, this.tickAheadMs] as const),
      );
    };
    const { clusters = [] } = settings;
    this.nodes = Array.from({ length: settings.nodes }, (_, index) => {
      const shards = clusters[index] ?? 0;
      const name = `n${index}`;
      const health = new Health(() => this.timeline.now);
      if (shards === 0) return { voter: serverOf(name), health, cluster: undefined };
      const names = Array.from({ length: shards }, (__, at) => [`${name}.${at}a`, `${name}.${at}b`]);
      const servers = names.flat().map(serverOf);
      const cluster = new SimCluster(
        name,
        servers,
        this.timeline,
        this.rng.fork(),
        settings.longestDividedMs ?? 1,
      );
      return { voter: cluster, health, cluster };
    });
    this.checker = new Checker(
      settings,
      () => this.timeline.now,
      this.nodes.map(({ voter }) => voter),
      onViolation,
    );
    this.store = new FencedStore((resource, detail) =>
      this.checker.report('no stale write accepted', `${resource}: ${detail}`),
    );
    this.timeline.afterEach = () => this.checker.checkHolders();
    this.#faults = new FaultInjector(this);
  }

  /**
   * Simulates the time of the seed, ends all faults, closes the clients, and checks for keys that were left
   * behind.
   */
  async run(): Promise<void> {
    const { durationMs, clients } = this.settings;
    const faults = this.#faults;
    for (let index = 0; index < clients; index++) {
      this.timeline.after(this.rng.between(0, 200), () => this.startClient(index));
    }
    faults.start();
    for (let at = SWEEP_MS; at < durationMs + RECOVERY_MS; at += SWEEP_MS)
      this.timeline.at(at, () => this.#sweep());
    await this.timeline.run(durationMs);
    faults.end();
    for (const { client } of this.clients) client.stop();
    await this.timeline.run(durationMs + RECOVERY_MS);
    reportHeldAtEnd(this);
    for (const { client } of this.clients) this.closeClient(client);
    await this.timeline.run(durationMs + RECOVERY_MS + CLOSING_MS);
    for (const client of this.#closing) {
      if (!client.isClosed && client.process.isRunning)
        this.checker.report('nothing left behind', `${client.name} did not close`);
    }
  }

  startClient(index: number): void {
    const { settings, timeline } = this;
    const rng = this.rng.fork();
    const name = `c${index}.${++this.#generations}`;
    const process = new SimProcess(
      timeline,
      rng.fork(),
      this.#rate('client'),
      rng.between(-1, 1) * settings.wallSkewMs,
    );
    if (!settings.faults.includes('process suspend')) this.#discipline(process);
    const links = this.nodes.map(({ voter }) =>
      voter.servers.map(() => new Link(timeline, rng.fork(), settings.latency)),
    );
    const list = this.#listNow(rng);
    const routes = this.nodes.map(({ voter, cluster }): Route | undefined => {
      if (cluster !== undefined) return undefined;
      const isOther = settings.hasSpellings === true && rng.chance(0.5);
      return { server: voter.storeOf(''), address: isOther ? `${voter.name}.other` : voter.name };
    });
    const nodesIn = (thread: SimProcess): LockNode[] => {
      const own = {
        keyPrefix: 'lock:',
        driftFactor: settings.driftFactor,
        quarantine: new QuarantineTerm(this.quarantineMs),
        isExact: true,
        clock: thread,
        random: rng.next,
      };
      return list.map((nodeIndex) => {
        const route = routes[nodeIndex];
        const those = links[nodeIndex]!;
        if (route === undefined) {
          const { voter } = this.nodes[nodeIndex]!;
          return new RedisClusterNode(simClusterEndpoint(thread, voter, those, this.#sendsTwice), own);
        }
        return new RedisNode(simEndpoint(thread, route, those[0]!, settings.durable, this.#sendsTwice), own);
      });
    };
    const startThread = (data: StallWorkerData): SimThread => {
      const thread = process.startThread();
      const makeParts = (): WorkerParts =>
        new WorkerParts({ ...data, sources: nodesIn(thread) }, thread, rng.next);
      return new SimThread(thread, timeline, makeParts, rng.between(...THREAD_STARTS_MS));
    };
    this.trace.note(() => `${name} starts`);
    const client = new SimClient(name, process, rng.fork(), this, nodesIn(process), startThread);
    this.clients.push({ index, client, process, links, routes, health: new Health(() => timeline.now) });
  }

  /**
   * The places of the nodes that a client has that starts now: those of the list that is being deployed, or
   * of the one before or after it, as at a deployment that is abandoned, goes back, or is overtaken by the
   * next.
   */
  #listNow(rng: Rng): readonly number[] {
    const { lists, durationMs } = this.settings;
    if (lists === undefined) return this.nodes.map((_, nodeIndex) => nodeIndex);
    const last = lists.length - 1;
    const due = Math.floor((this.timeline.now / durationMs) * lists.length);
    while (this.#deployed < Math.min(due, last) && this.#isActive(lists[this.#deployed]!)) this.#deployed++;
    return lists[Math.min(Math.max(this.#deployed + rng.pick([-1, 0, 0, 0, 1]), 0), last)]!;
  }

  /** Whether a client says that votes go by this list: until then the next one is not deployed. */
  #isActive(list: readonly number[]): boolean {
    const names = new Set(list.map((nodeIndex) => this.nodes[nodeIndex]!.voter.name));
    return this.clients.some(({ client }) => {
      const { nodes, isActive } = client.manager.membership();
      return isActive && nodes.length === names.size && nodes.every((name) => names.has(name));
    });
  }

  /** Removes a client. Another one may replace it. */
  remove(gone: WorldClient): void {
    this.clients = this.clients.filter((one) => one !== gone);
  }

  closeClient(client: SimClient): void {
    this.#closing.push(client);
    void client.close();
  }

  dies(client: SimClient): void {
    const one = this.clients.find((other) => other.client === client);
    if (one === undefined || !client.process.isRunning) return;
    this.trace.note(() => `${client.name} dies in a run`);
    this.#faults.crashProcess(one, this.settings.longestFaultMs);
  }

  /** NTP: from time to time the wall clock is corrected. */
  #discipline(process: SimProcess): void {
    if (process.state === 'dead') return;
    process.setWallSkew(this.rng.between(-1, 1) * this.settings.wallSkewMs);
    this.timeline.after(this.rng.between(0.5, 1.5) * DISCIPLINE_MS, () => this.#discipline(process));
  }

  /**
   * Two clocks never differ by more than the drift factor. Nothing corrects the clocks of the nodes here, so
   * nodes get the smaller part of it and stay close for as long as a world lasts; clients get the rest.
   */
  #rate(of: 'node' | 'client'): number {
    const { driftFactor } = this.settings;
    const nodes = Math.min(0.45 * driftFactor, MOST_NODE_DRIFT);
    return 1 + this.rng.between(-1, 1) * (of === 'node' ? nodes : 0.9 * driftFactor - nodes);
  }

  /** The first use of the nodes needs all of them for a while. */
  get isInUse(): boolean {
    return this.#sweepsWithAll >= FIRST_USE_SWEEPS;
  }

  #sweep(): void {
    this.checker.sweep();
    const areAllThere = this.nodes.every(({ voter, health }, nodeIndex) => {
      const areLinked = this.clients.every(({ links }) =>
        links[nodeIndex]!.every((link) => link.health.isHealthy),
      );
      return voter.isUp && health.isHealthy && areLinked;
    });
    if (!this.isInUse) this.#sweepsWithAll = areAllThere ? this.#sweepsWithAll + 1 : 0;
    for (const { client } of this.clients)
      for (const what of client.overdue())
        this.checker.report('every wait ends', `${client.name}: ${what} hangs`);
    reportLeftovers(this);
  }
}
