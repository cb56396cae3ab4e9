import type { Rng } from './rng.js';
import { ClusterFaults } from './cluster-faults.js';
import { isOfCluster, type Fault } from './settings.js';
import type { SimServer } from './sim-server.js';
import type { Link } from './network.js';
import type { World, WorldClient, WorldNode } from './world.js';

/** The time after the end of a quarantine in which the clients notice it. */
const AFTER_QUARANTINE_MS = 3_000;
/** About the time in which a node votes again that lost its memory, where others tell that all is over. */
const LIFTED_MS = 1_000;

/** Faults of one client or of one of its links. */
type ClientFault = Extract<Fault, `link ${string}` | `process ${string}` | 'wall step'>;

/**
 * Decides what fails and when. Periods with one fault after the other alternate with quiet periods, in which
 * at most a minority of nodes is down. Within the promise less than a majority of nodes lose keys in one
 * longest TTL. Beyond the promise there is no such limit.
 */
export class FaultInjector {
  readonly #world: World;
  readonly #rng: Rng;
  /** The functions that end the current faults. */
  readonly #ends = new Set<() => void>();
  readonly #losses: { readonly node: WorldNode; readonly at: number }[] = [];
  readonly #down = new Set<SimServer>();
  readonly #ofClusters: ClusterFaults;
  #ended = false;

  constructor(world: World) {
    this.#world = world;
    this.#rng = world.rng.fork();
    this.#ofClusters = new ClusterFaults(world, {
      rng: this.#rng,
      during: (lastsMs, end) => this.#during(lastsMs, end),
      mayLose: (node) => this.#mayLose(node),
      lose: (node, forMs) => this.#lose(node, forMs),
      quarantinedMs: this.#quarantinedMs,
    });
  }

  start(): void {
    const { nodes, timeline } = this.#world;
    const save = (server: SimServer): void => {
      if (server.state === 'up') server.save();
      timeline.after(this.#rng.between(300, 3_000), () => save(server));
    };
    for (const { voter } of nodes) for (const server of voter.servers) save(server);
    const { faultyForMs } = this.#world.settings;
    if (faultyForMs !== undefined) this.#faultsUntil(faultyForMs, () => undefined);
    else if (this.#rng.chance(0.5)) this.#quietPeriod();
    else this.#faultyPeriod();
  }

  /** Ends all faults. */
  end(): void {
    this.#ended = true;
    for (const end of [...this.#ends]) end();
  }

  #faultyPeriod(): void {
    const until = this.#world.timeline.now + this.#rng.between(1_000, 8_000);
    this.#faultsUntil(until, () => this.#quietPeriod());
  }

  #faultsUntil(until: number, then: () => void): void {
    const { settings, timeline } = this.#world;
    const next = (): void => {
      if (this.#ended) return;
      if (timeline.now >= until) {
        then();
        return;
      }
      if (settings.faults.length > 0) this.#inject(this.#rng.pick(settings.faults));
      timeline.after(this.#rng.exponential(settings.faultIntervalMs), next);
    };
    timeline.after(0, next);
  }

  #quietPeriod(): void {
    if (this.#ended) return;
    const { settings, nodes, timeline } = this.#world;
    const recoveryMs = settings.losesWhenLifted === true ? LIFTED_MS : settings.maxTtlMs;
    const lastsMs = this.#rng.between(0.5, 2.5) * (recoveryMs + 5_000);
    const minority = settings.nodes - this.#world.majority;
    if (minority > 0 && this.#rng.chance(0.5)) {
      const start = this.#rng.int(0, settings.nodes - 1);
      const count = this.#rng.int(1, minority);
      for (let i = 0; i < count; i++) {
        const node = nodes[(start + i) % nodes.length]!;
        if (this.#rng.chance(0.5)) this.#stopNode(node, lastsMs);
        else this.#isolateNode(node, lastsMs);
      }
    }
    timeline.after(lastsMs, () => this.#faultyPeriod());
  }

  #inject(fault: Fault): void {
    const { nodes } = this.#world;
    this.#world.trace.note(() => `fault: ${fault}`);
    const rng = this.#rng;
    const { shortestFaultMs = 5, longestFaultMs } = this.#world.settings;
    const lastsMs = rng.logBetween(shortestFaultMs, longestFaultMs);
    const node = rng.pick(nodes);
    if (isOfCluster(fault)) return this.#ofClusters.inject(fault, lastsMs);
    switch (fault) {
      case 'node stop':
        return this.#stopNode(node, lastsMs);
      case 'node crash':
        return this.#crashNode(node, lastsMs, 'kept');
      case 'data lost':
        return this.#crashNode(node, lastsMs, 'lost');
      case 'data stale':
        return this.#crashNode(node, lastsMs, 'stale');
      case 'data flushed':
        return this.#flush(node);
      case 'majority flushed':
        return nodes.slice(0, this.#world.majority).forEach((one) => this.#flush(one));
      case 'all flushed':
        return nodes.forEach((one) => this.#flush(one));
      case 'node clock step':
        return this.#stepNode(node);
      case 'script flush':
        return this.#serverIn(node).flushScripts();
      default:
        return this.#injectIntoClient(fault, node, lastsMs);
    }
  }

  /** The server, or one of the masters of a Cluster. */
  #serverIn({ voter, cluster }: WorldNode): SimServer {
    return cluster === undefined ? voter.servers[0]! : this.#rng.pick(cluster.masters);
  }

  #injectIntoClient(fault: ClientFault, node: WorldNode, lastsMs: number): void {
    const { clients } = this.#world;
    const rng = this.#rng;
    if (clients.length === 0) return;
    const one = rng.pick(clients);
    switch (fault) {
      case 'link block':
        return rng.chance(0.3)
          ? this.#isolateNode(node, lastsMs)
          : this.#block([this.#linkOf(one, node)], lastsMs);
      case 'link reset':
        return this.#reset(one, node);
      case 'link slow':
        return this.#slow(one, node, lastsMs);
      case 'link misroute':
        return this.#misroute(one, node, lastsMs);
      case 'process stop':
      case 'process block':
      case 'process suspend':
        return this.#pauseProcess(one, lastsMs, fault);
      case 'process crash':
        return this.crashProcess(one, lastsMs);
      case 'process close':
        return this.#closeProcess(one);
      case 'wall step':
        return this.#stepWall(one);
    }
  }

  #during(lastsMs: number, end: () => void): void {
    const once = (): void => {
      if (!this.#ends.delete(once)) return;
      end();
    };
    this.#ends.add(once);
    this.#world.timeline.after(lastsMs, once);
  }

  #stopNode(node: WorldNode, lastsMs: number): void {
    const { health } = node;
    const server = this.#serverIn(node);
    if (server.state !== 'up') return;
    server.stop();
    health.begin();
    this.#during(lastsMs, () => {
      if (server.state === 'stopped') server.resume();
      health.end();
    });
  }

  #crashNode(node: WorldNode, lastsMs: number, wantedData: 'kept' | 'lost' | 'stale'): void {
    const { health, cluster } = node;
    const server = this.#serverIn(node);
    if (this.#down.has(server) || server.state === 'down') return;
    // Every restart begins a quarantine, also with all data.
    if (this.#world.settings.losesWhenLifted === true && !this.#mayLose(node)) return;
    this.#down.add(server);
    server.kill();
    health.begin();
    this.#during(lastsMs, () => {
      // What is on disk is decided only now, so that the loss falls into the time window of the promise.
      const data = wantedData !== 'kept' && this.#mayLose(node) ? wantedData : 'kept';
      this.#down.delete(server);
      if (cluster === undefined) server.start(data);
      else cluster.start(server, data);
      if (data !== 'kept') this.#lose(node);
      if (cluster !== undefined) health.end(this.#ofClusters.recoveryMs);
      else
        health.end(this.#world.quarantineMs > 0 && !this.#world.settings.durable ? this.#quarantinedMs : 0);
    });
  }

  #flush(node: WorldNode): void {
    const { health, cluster } = node;
    const server = this.#serverIn(node);
    if (server.state === 'down' || !this.#mayLose(node)) return;
    server.flushAll();
    this.#lose(node);
    health.begin();
    health.end(cluster === undefined ? this.#quarantinedMs : this.#ofClusters.recoveryMs);
  }

  /**
   * A step large enough for a client without history to notice, because it moves the clock far from the
   * others.
   */
  #stepNode(node: WorldNode): void {
    if (!this.#mayLose(node)) return;
    const server = this.#serverIn(node);
    const byMs = this.#rng.logBetween(this.#world.settings.beyond ? 10 : 2_000, 1e7);
    server.stepClock(this.#rng.chance(0.5) ? byMs : -byMs);
    this.#lose(node);
    // Clocks are compared with each other. A client with inexact bounds may quarantine a healthy node as
    // well.
    for (const { health } of this.#world.nodes) {
      health.begin();
      health.end(this.#quarantinedMs);
    }
  }

  get #quarantinedMs(): number {
    return this.#world.quarantineMs * 1.1 + AFTER_QUARANTINE_MS;
  }

  #mayLose(node: WorldNode): boolean {
    const { settings, timeline, nodes } = this.#world;
    if (settings.beyond) return true;
    if (settings.losesWhenLifted === true) {
      // One that lost its data just now stays as it is: it has to vote again before it loses them once more.
      const trusted = nodes.filter(({ voter }) => voter.isTrusted);
      return trusted.includes(node) && trusted.length > this.#world.majority;
    }
    const windowMs = settings.maxTtlMs * (1 + settings.driftFactor) + 1;
    const recent = this.#losses.filter((loss) => loss.at > timeline.now - windowMs);
    return new Set([node, ...recent.map((loss) => loss.node)]).size < this.#world.majority;
  }

  #lose(node: WorldNode, forMs = 0): void {
    this.#losses.push({ node, at: this.#world.timeline.now + forMs });
    this.#world.checker.lossOn(node.voter, forMs);
  }

  #linksOf({ links }: WorldClient, node: WorldNode): readonly Link[] {
    return links[this.#world.nodes.indexOf(node)]!;
  }

  /** That to the server, or to one of those of a Cluster. */
  #linkOf(one: WorldClient, node: WorldNode): Link {
    const links = this.#linksOf(one, node);
    return node.cluster === undefined ? links[0]! : this.#rng.pick(links);
  }

  #isolateNode(node: WorldNode, lastsMs: number): void {
    this.#block(
      this.#world.clients.flatMap((one) => this.#linksOf(one, node)),
      lastsMs,
    );
  }

  #block(links: readonly Link[], lastsMs: number): void {
    for (const link of links) {
      if (link.blocked) continue;
      link.block();
      link.health.begin();
      this.#during(lastsMs, () => {
        link.unblock();
        link.health.end();
      });
    }
  }

  #reset(one: WorldClient, node: WorldNode): void {
    const link = this.#linkOf(one, node);
    link.health.begin();
    link.reset();
    link.health.end();
  }

  #slow(one: WorldClient, node: WorldNode, lastsMs: number): void {
    const link = this.#linkOf(one, node);
    const factor = this.#rng.logBetween(3, 100);
    link.delayFactor *= factor;
    link.health.begin();
    this.#during(lastsMs, () => {
      link.delayFactor /= factor;
      link.health.end();
    });
  }

  /** For a while the address leads to another node. */
  #misroute(one: WorldClient, node: WorldNode, lastsMs: number): void {
    const { nodes } = this.#world;
    const route = one.routes[nodes.indexOf(node)];
    const server = node.voter.servers[0]!;
    if (route?.server !== server) return;
    const link = this.#linkOf(one, node);
    route.server = this.#rng.pick(nodes.filter((other) => other !== node)).voter.servers[0]!;
    link.health.begin();
    link.reset();
    this.#during(lastsMs, () => {
      route.server = server;
      link.reset();
      link.health.end(AFTER_QUARANTINE_MS);
    });
  }

  #pauseProcess(
    { client, process, health }: WorldClient,
    lastsMs: number,
    how: 'process stop' | 'process block' | 'process suspend',
  ): void {
    if (!process.isRunning) return;
    if (how === 'process stop') process.stop();
    else if (how === 'process block') process.block();
    else process.suspend();
    const { checker, timeline } = this.#world;
    const held = checker.openOf(client.name);
    const pausedAt = timeline.now;
    health.begin();
    this.#during(lastsMs, () => {
      process.resume();
      checker.checkHolders();
      if (how === 'process block' && process.isRunning) checker.unblocked(held, timeline.now - pausedAt);
      health.end(this.#quarantinedMs);
    });
  }

  /** Another process takes its place soon. */
  crashProcess(one: WorldClient, afterMs: number): void {
    for (const [it, runs] of one.client.running) this.#world.ticks.abandoned(it, runs);
    one.client.kill();
    this.#world.remove(one);
    this.#during(afterMs / 4, () => {
      if (!this.#ended) this.#world.startClient(one.index);
    });
  }

  /** An orderly end, as at a deployment. */
  #closeProcess(one: WorldClient): void {
    if (!one.process.isRunning) return;
    this.#world.closeClient(one.client);
    this.#world.remove(one);
    this.#during(this.#rng.between(0, 500), () => {
      if (!this.#ended) this.#world.startClient(one.index);
    });
  }

  #stepWall({ process, health }: WorldClient): void {
    const byMs = this.#rng.logBetween(1, this.#world.settings.wallStepMs);
    process.setWallSkew(this.#rng.chance(0.5) ? byMs : -byMs);
    health.begin();
    health.end(this.#quarantinedMs);
  }
}
