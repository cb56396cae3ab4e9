import { slotOf as slotOfKey, SLOTS } from '../../src/node/redis/protocol/key-slot.js';
import { Keyspace } from './keyspace.js';
import type { Rng } from './rng.js';
import { SIM_PORT } from './sim-connection.js';
import type { ClusterPlace, Command, DataAtStart, SimServer, Voter } from './sim-server.js';
import type { Timeline } from './timeline.js';

/** Which server serves which slot, as all servers come to know it, each in its time. */
interface Config {
  readonly version: number;
  readonly owners: readonly SimServer[];
  readonly epochs: ReadonlyMap<SimServer, number>;
}

/** A slot on its way to another shard. Its keys go one after the other. */
interface Move {
  readonly slot: number;
  readonly from: Shard;
  readonly to: Shard;
}

/** A master and its replica. */
interface Shard {
  master: SimServer;
  replica: SimServer;
  /** What the replica has of the master's keys. */
  replicated: Keyspace;
}

/** A server that has just started serves nothing for so long, as Redis' CLUSTER_WRITABLE_DELAY has it. */
const REJOINING_MS = 2_000;
const REPLICATION_MS = [20, 500] as const;
/** These scripts do not look at the marker. */
const WITHOUT_MARKER: ReadonlySet<unknown> = new Set(['wake', 'history']);
const NOT_LOCAL = 'ERR Script attempted to access a non local key in a cluster node script';
const DOWN = 'CLUSTERDOWN The cluster is down';

/**
 * A Redis Cluster: masters that serve slots, and for each a replica that is behind it. Each server answers by
 * what it has heard, and servers hear of a change one after the other.
 */
export class SimCluster implements Voter {
  readonly #shards: readonly Shard[];
  readonly #views = new Map<SimServer, Config>();
  /** The servers that serve nothing before an instant. */
  readonly #downUntil = new Map<SimServer, number>();
  /** The servers that hear nothing of the others. */
  readonly #cutOff = new Set<SimServer>();
  readonly #moves = new Set<Move>();
  /** What each server knows of the slots that leave it: where their missing keys are. */
  readonly #leaving = new Map<SimServer, Map<number, SimServer>>();
  #config: Config;

  constructor(
    readonly name: string,
    readonly servers: readonly SimServer[],
    private readonly timeline: Timeline,
    private readonly rng: Rng,
    /** In this time a server hears of a change. */
    private readonly heardMs: number,
  ) {
    const masters = servers.filter((_, at) => at % 2 === 0);
    this.#shards = masters.map((master, at) => ({
      master,
      replica: servers[2 * at + 1]!,
      replicated: new Keyspace(),
    }));
    const each = Math.ceil(SLOTS / masters.length);
    const owners = Array.from({ length: SLOTS }, (_, slot) => masters[Math.floor(slot / each)]!);
    const epochs = new Map(masters.map((master, at) => [master, at + 1]));
    this.#config = { version: 1, owners, epochs };
    for (const server of servers) {
      this.#views.set(server, this.#config);
      server.place = this.#placeOf(server);
    }
    for (const shard of this.#shards) this.#replicate(shard);
  }

  get masters(): readonly SimServer[] {
    return this.#shards.map(({ master }) => master);
  }

  get isUp(): boolean {
    return this.masters.every((master) => master.isUp && !this.#isDown(master) && !this.#cutOff.has(master));
  }

  get isTrusted(): boolean {
    return false;
  }

  get wasSetBack(): boolean {
    return this.servers.some((server) => server.wasSetBack);
  }

  get wasStepped(): boolean {
    return this.servers.some((server) => server.wasStepped);
  }

  /** While a slot moves, some of its keys are with the other shard. */
  storeOf(key: string): SimServer {
    const slot = slotOf(key);
    const target = this.#moves.size === 0 ? undefined : this.#moveOf(slot)?.to.master;
    if (target !== undefined && target.keyspace.pttl(key) !== -2) return target;
    return this.#config.owners[slot]!;
  }

  /** The replica takes the master's place, with what it has, if it can. */
  promote(master: SimServer, isPlanned: boolean): boolean {
    const shard = this.#shards.find((one) => one.master === master);
    if (shard === undefined || !shard.replica.isUp) return false;
    // Both have to agree to it, where it is planned; and a replica that is cut off is not elected.
    if (this.#cutOff.has(shard.replica) || (isPlanned && this.#cutOff.has(master))) return false;
    const promoted = shard.replica;
    promoted.replaceKeys(isPlanned ? master.keyspace.copy() : shard.replicated);
    Object.assign(shard, { master: promoted, replica: master, replicated: promoted.keyspace.copy() });
    const owners = this.#config.owners.map((owner) => (owner === master ? promoted : owner));
    this.#change(promoted, owners, true);
    if (isPlanned) this.#hear(master);
    return true;
  }

  /** The server goes on as it is, and hears nothing of the others. After a while it serves nothing. */
  cutOff(server: SimServer, downAfterMs: number): boolean {
    if (this.#cutOff.has(server) || this.#isDown(server)) return false;
    // It must not go on by what it knew before for longer than others do.
    this.#hear(server);
    this.#cutOff.add(server);
    this.timeline.after(downAfterMs, () => {
      if (this.#cutOff.has(server)) this.#downUntil.set(server, Number.POSITIVE_INFINITY);
    });
    return true;
  }

  reconnect(server: SimServer): void {
    this.#cutOff.delete(server);
    this.#hear(server);
    this.#downUntil.delete(server);
  }

  start(server: SimServer, data: DataAtStart): void {
    server.start(data);
    const isAlone = this.#cutOff.has(server);
    this.#downUntil.set(server, isAlone ? Number.POSITIVE_INFINITY : this.timeline.now + REJOINING_MS);
    this.timeline.after(this.rng.between(1, this.heardMs), () => this.#hear(server));
  }

  /** Moves a slot with its keys. Calls back when the other shard serves it. */
  move(slot: number, to: SimServer, stepMs: number, done: () => void): boolean {
    const from = this.#shardOf(this.#config.owners[slot]!);
    const target = this.#shardOf(to);
    if (from === undefined || target === undefined || from === target || this.#moveOf(slot) !== undefined)
      return false;
    const move: Move = { slot, from, to: target };
    this.#moves.add(move);
    const step = (): void => {
      const { master: giver } = from;
      const { master: taker } = target;
      const areUp = giver.isUp && taker.isUp && !this.#isDown(giver) && !this.#isDown(taker);
      if (areUp) this.#leavingOf(giver).set(slot, taker);
      const key = areUp ? giver.keyspace.keys.find((one) => slotOf(one) === slot) : undefined;
      if (key !== undefined) giver.keyspace.giveTo(taker.keyspace, key);
      else if (areUp) {
        this.#moves.delete(move);
        this.#give(slot, taker);
        done();
        return;
      }
      this.timeline.after(this.rng.between(0.2, 1.8) * stepMs, step);
    };
    this.timeline.after(stepMs, step);
    return true;
  }

  /** Another shard serves the slot from now on, and does not get its keys. */
  seize(slot: number, to: SimServer): boolean {
    if (this.#config.owners[slot] === to || this.#moveOf(slot) !== undefined) return false;
    if (!this.masters.includes(to) || !to.isUp || this.#isDown(to)) return false;
    // Those who are cut off hear nothing of it; by then they serve nothing any more.
    for (const server of this.#cutOff) this.#downUntil.set(server, Number.POSITIVE_INFINITY);
    this.#give(slot, to);
    return true;
  }

  #give(slot: number, to: SimServer): void {
    this.#change(to, this.#config.owners.with(slot, to), false);
  }

  /**
   * A server changes the configuration, and tells the others. Its epoch goes up, unless it is the highest: so
   * it is after CLUSTER SETSLOT. A promoted replica gets a new one in any case.
   */
  #change(by: SimServer, owners: readonly SimServer[], isElected: boolean): void {
    const { version, epochs } = this.#config;
    const highest = Math.max(...epochs.values());
    const isHighest = !isElected && epochs.get(by) === highest;
    const changed = new Map(epochs).set(by, isHighest ? highest : highest + 1);
    this.#config = { version: version + 1, owners, epochs: changed };
    this.#views.set(by, this.#config);
    for (const server of this.servers)
      if (server !== by) this.timeline.after(this.rng.between(1, this.heardMs), () => this.#hear(server));
  }

  #hear(server: SimServer): void {
    if (this.#cutOff.has(server) || server.state === 'down') return;
    const before = this.#views.get(server);
    const config = this.#config;
    this.#views.set(server, config);
    const shard = this.#shards.find(({ replica }) => replica === server);
    if (shard !== undefined) {
      // A replica copies all that its master has.
      if (before !== config) server.replaceKeys(shard.master.keyspace.copy());
      return;
    }
    const leaving = this.#leavingOf(server);
    for (const slot of leaving.keys()) if (this.#moveOf(slot)?.from.master !== server) leaving.delete(slot);
    // What is in slots that are another's by now is thrown away.
    for (const key of server.keyspace.keys)
      if (config.owners[slotOf(key)] !== server && this.#moveOf(slotOf(key)) === undefined)
        server.keyspace.delete(key);
  }

  #replicate(shard: Shard): void {
    const { master, replica } = shard;
    if (master.isUp && replica.isUp && !this.#cutOff.has(master) && !this.#cutOff.has(replica))
      shard.replicated = master.keyspace.copy();
    this.timeline.after(this.rng.between(...REPLICATION_MS), () => this.#replicate(shard));
  }

  #shardOf(master: SimServer): Shard | undefined {
    return this.#shards.find((shard) => shard.master === master);
  }

  #leavingOf(server: SimServer): Map<number, SimServer> {
    const known = this.#leaving.get(server) ?? new Map<number, SimServer>();
    this.#leaving.set(server, known);
    return known;
  }

  #moveOf(slot: number): Move | undefined {
    return [...this.#moves].find((move) => move.slot === slot);
  }

  #isDown(server: SimServer): boolean {
    return (this.#downUntil.get(server) ?? 0) > this.timeline.now;
  }

  #placeOf(server: SimServer): ClusterPlace {
    const view = (): Config => this.#views.get(server)!;
    const isReplica = (): boolean => !view().owners.includes(server);
    return {
      get isReplica() {
        return isReplica();
      },
      refusal: (command) => this.#refusal(server, view(), command),
      topology: (subcommand) => (subcommand === 'SLOTS' ? slotsOf(view()) : nodesOf(view())),
    };
  }

  /** First the declared keys, as Redis looks at them; then the marker, at which the script looks. */
  #refusal(server: SimServer, view: Config, { verb, keys, args }: Command): string | undefined {
    if (this.#isDown(server)) return DOWN;
    const [slot, ...others] = new Set(keys.map(slotOf));
    if (others.length > 0) return "CROSSSLOT Keys in request don't hash to the same slot";
    const declared = slot === undefined ? undefined : this.#redirection(server, view, slot, keys);
    if (declared !== undefined || WITHOUT_MARKER.has(verb)) return declared;
    const touched = verb === 'guard' && args[5] === 'remove' ? [args[0]!, args[6]!] : [args[0]!];
    const isAway = (key: string): boolean =>
      this.#redirection(server, view, slotOf(key), [key]) !== undefined;
    return touched.some(isAway) ? NOT_LOCAL : undefined;
  }

  #redirection(server: SimServer, view: Config, slot: number, keys: readonly string[]): string | undefined {
    const owner = view.owners[slot]!;
    if (owner !== server) return `MOVED ${slot} ${owner.name}:${SIM_PORT}`;
    const target = this.#leavingOf(server).get(slot);
    if (target === undefined) return undefined;
    const missing = keys.filter((key) => server.keyspace.pttl(key) === -2).length;
    if (missing === 0) return undefined;
    return missing < keys.length
      ? 'TRYAGAIN Multiple keys request during rehashing of slot'
      : `ASK ${slot} ${target.name}:${SIM_PORT}`;
  }
}

/** Worlds have few keys, and ask for their slots again and again. */
const slots = new Map<string, number>();

function slotOf(key: string): number {
  let slot = slots.get(key);
  if (slot === undefined) slots.set(key, (slot = slotOfKey(key)));
  return slot;
}

/** The id of a server within its Cluster. */
const idOf = ({ name }: SimServer): string => name.padEnd(40, '0');

/** The answer to CLUSTER SLOTS. */
function slotsOf({ owners }: Config): unknown[] {
  const entries: unknown[] = [];
  for (let first = 0; first < SLOTS;) {
    const owner = owners[first]!;
    let next = first;
    while (owners[next] === owner) next++;
    entries.push([first, next - 1, [owner.name, SIM_PORT, idOf(owner)]]);
    first = next;
  }
  return entries;
}

/** The answer to CLUSTER NODES, as far as it is read. */
const nodesOf = ({ epochs, owners }: Config): string =>
  [...epochs]
    .filter(([server]) => owners.includes(server))
    .map(([server, epoch]) => `${idOf(server)} ${server.name}:${SIM_PORT} master - 0 0 ${epoch} connected`)
    .join('\n');
