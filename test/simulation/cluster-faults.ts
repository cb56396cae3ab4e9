import { slotOf } from '../../src/node/redis/protocol/key-slot.js';
import type { Rng } from './rng.js';
import type { ClusterFault } from './settings.js';
import type { SimCluster } from './sim-cluster.js';
import type { SimServer } from './sim-server.js';
import type { World, WorldNode } from './world.js';

/** The time in which every client has read the topology, and has found the shard. */
const NOTICED_MS = 7_000;
/** The time from the failure of a master until its replica is elected. */
const ELECTED_MS = [100, 1_500] as const;
/** The mean time between two keys of a slot that moves. */
const STEP_MS = [0.1, 300] as const;

/** What the faults of a Cluster need of all the others. */
export interface FaultContext {
  readonly rng: Rng;
  /** Ends a fault after so long, or with all faults. */
  during(lastsMs: number, end: () => void): void;
  mayLose(node: WorldNode): boolean;
  /** Something is lost that the node granted, or grants in the time that follows. */
  lose(node: WorldNode, forMs: number): void;
  readonly quarantinedMs: number;
}

/** What happens to the shards of a Cluster, and to no other server. */
export class ClusterFaults {
  constructor(
    private readonly world: World,
    private readonly context: FaultContext,
  ) {}

  inject(fault: ClusterFault, lastsMs: number): void {
    const { rng, mayLose } = this.context;
    const node = rng.pick(this.world.nodes.filter(({ cluster }) => cluster !== undefined));
    const cluster = node.cluster!;
    const master = rng.pick(cluster.masters);
    switch (fault) {
      case 'slot moved':
        return this.#moveSlot(node, cluster, master);
      case 'slot seized':
        return mayLose(node) ? this.#seizeSlot(node, cluster, master) : undefined;
      case 'shard dies':
        return mayLose(node) && master.isUp ? this.#die(node, cluster, master, lastsMs) : undefined;
      case 'shard cut off':
        return mayLose(node) && master.isUp ? this.#cutOff(node, cluster, master, lastsMs) : undefined;
      case 'shard handed over':
        return mayLose(node) && master.isUp ? this.#handOver(node, cluster, master) : undefined;
    }
  }

  /** After this the Cluster votes with all its shards, unless something else happens. */
  get recoveryMs(): number {
    return this.context.quarantinedMs + NOTICED_MS;
  }

  #die(node: WorldNode, cluster: SimCluster, master: SimServer, lastsMs: number): void {
    const { rng, during, lose } = this.context;
    master.kill();
    node.health.begin();
    let isPromoted = false;
    this.world.timeline.after(rng.between(...ELECTED_MS), () => {
      if (master.state !== 'down' || !cluster.promote(master, false)) return;
      isPromoted = true;
      lose(node, 0);
      node.health.end(this.recoveryMs);
    });
    during(lastsMs, () => {
      cluster.start(master, 'kept');
      if (!isPromoted) node.health.end(this.recoveryMs);
    });
  }

  /** The old master goes on voting, for those who know no better, a while longer than it should. */
  #cutOff(node: WorldNode, cluster: SimCluster, master: SimServer, lastsMs: number): void {
    const { rng, during, lose } = this.context;
    const { longestDividedMs = 0 } = this.world.settings;
    const electedMs = rng.between(...ELECTED_MS);
    const dividedMs = rng.between(-0.5, 1) * longestDividedMs;
    let state: 'alone' | 'replaced' | 'over' = 'alone';
    if (!cluster.cutOff(master, electedMs + dividedMs)) return;
    node.health.begin();
    this.world.timeline.after(electedMs, () => {
      if (state === 'over' || !cluster.promote(master, false)) return;
      state = 'replaced';
      lose(node, Math.max(0, dividedMs));
      node.health.end(this.recoveryMs);
    });
    during(lastsMs, () => {
      cluster.reconnect(master);
      if (state === 'alone') node.health.end(this.recoveryMs);
      state = 'over';
    });
  }

  /** The replica has all that the master has, but another clock. */
  #handOver(node: WorldNode, cluster: SimCluster, master: SimServer): void {
    if (!cluster.promote(master, true)) return;
    this.context.lose(node, 0);
    node.health.begin();
    node.health.end(this.recoveryMs);
  }

  #moveSlot(node: WorldNode, cluster: SimCluster, to: SimServer): void {
    const { rng } = this.context;
    const slot = this.#slot(cluster);
    const isMoving = cluster.move(slot, to, rng.logBetween(...STEP_MS), () => {
      this.world.trace.note(() => `${cluster.name}: slot ${slot} has moved`);
      node.health.end(this.recoveryMs);
    });
    if (isMoving) node.health.begin();
  }

  #seizeSlot(node: WorldNode, cluster: SimCluster, to: SimServer): void {
    const { lose } = this.context;
    const { longestDividedMs = 0 } = this.world.settings;
    if (!cluster.seize(this.#slot(cluster), to)) return;
    // The one that had it goes on until it hears of it.
    lose(node, longestDividedMs);
    node.health.begin();
    node.health.end(this.recoveryMs + longestDividedMs);
  }

  /** The slot of a resource, or of what is kept beside them, such as a marker. */
  #slot(cluster: SimCluster): number {
    const { rng } = this.context;
    const { resources, cronResources } = this.world.settings;
    const kept = cluster.masters.flatMap(({ keyspace }) => keyspace.keys);
    const key =
      kept.length > 0 && rng.chance(0.4)
        ? rng.pick(kept)
        : `lock:${rng.pick([...resources, ...cronResources])}`;
    return slotOf(key);
  }
}
