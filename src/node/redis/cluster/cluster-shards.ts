import type { Timer } from '../../../clock.js';
import { reconnectDelayMs } from '../../../core/backoff.js';
import type { NodeState } from '../../node-state.js';
import { RedisNode, type RedisNodeSettings } from '../redis-node.js';
import type { ClusterEndpoint } from './cluster-endpoint.js';
import { GoneMarkers } from './gone-markers.js';
import { slotOf, SLOTS } from '../protocol/key-slot.js';
import type { RequestSlots } from './request-slots.js';
import { TopologyReader } from './topology-reader.js';
import { isPartOf, shardMarkerOf, type ShardPlace, type Topology } from './topology.js';

/** A master of the Cluster, as a node with a connection, a marker, a quarantine and a clock of its own. */
export interface Shard {
  readonly name: string;
  readonly node: RedisNode;
  place: ShardPlace;
  marker: string;
  /** The markers that it has had before. */
  readonly formerMarkers: Set<string>;
}

export interface ShardsListener {
  /** The shards, or the slots that they serve, have changed. */
  onTopology(): void;
  /** The state of a shard has changed. */
  onState(): void;
  /** The first topology could not be read yet. */
  onUnreadable(reason: string): void;
}

/** How often the topology is read. */
const READ_MS = 5_000;
/** How soon it is read again when something seems to have changed. */
const READ_AGAIN_MS = 1_000;

/** The shards of a Cluster. Follows its topology: opens and closes nodes, and moves slots between them. */
export class ClusterShards {
  readonly #endpoint: ClusterEndpoint;
  readonly #settings: RedisNodeSettings;
  readonly #keyPrefix: string;
  readonly #slots: RequestSlots;
  readonly #listener: ShardsListener;
  readonly #topology: TopologyReader;
  readonly #goneMarkers = new GoneMarkers();
  #all: readonly Shard[] = [];
  /** The shard of each slot. */
  #routes: readonly (Shard | undefined)[] = [];
  #reading: Promise<void> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #nextRead: Timer | undefined;
  #failures = 0;
  /** Whether the server that told the topology may be behind the others. */
  #isOutdated = false;
  #isClosed = false;

  constructor(
    endpoint: ClusterEndpoint,
    settings: RedisNodeSettings,
    keyPrefix: string,
    slots: RequestSlots,
    listener: ShardsListener,
  ) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#keyPrefix = keyPrefix;
    this.#slots = slots;
    this.#listener = listener;
    this.#topology = new TopologyReader(endpoint);
  }

  start(): void {
    const { wanted } = this.#settings;
    if (wanted === undefined) void this.#read(false);
    else void wanted.then(() => (this.#isClosed ? undefined : this.#read(false)));
  }

  get all(): readonly Shard[] {
    return this.#all;
  }

  /** The shard that serves the slot. */
  serving(slot: number): Shard | undefined {
    return this.#routes[slot];
  }

  /** How many slots no shard serves. */
  get unserved(): number {
    return this.#routes.filter((shard) => shard === undefined).length;
  }

  /**
   * Reads the topology soon, because something seems to have changed. `isOutdated`: what the servers do is
   * not what the topology says, so another one is asked than the last time.
   */
  readSoon(isOutdated = false): void {
    this.#isOutdated ||= isOutdated;
    if (this.#isClosed || this.#reading !== undefined) return;
    this.#readAfter(Math.max(0, this.#readAt + READ_AGAIN_MS - this.#settings.clock.now()));
  }

  close(): void {
    this.#isClosed = true;
    this.#nextRead?.cancel();
    this.#topology.close();
    for (const { node } of this.#all) void node.close();
  }

  /** Reads the topology, one reading at a time. */
  #read(elsewhere: boolean): Promise<void> {
    this.#reading ??= this.#readNow(elsewhere).finally(() => {
      this.#reading = undefined;
      if (!this.#isClosed) this.#readAfter(this.#delayMs());
    });
    return this.#reading;
  }

  async #readNow(elsewhere: boolean): Promise<void> {
    this.#nextRead?.cancel();
    this.#readAt = this.#settings.clock.now();
    this.#isOutdated = false;
    try {
      const topology = await this.#topology.read(elsewhere);
      this.#failures = 0;
      if (this.#isClosed) return;
      this.#follow(topology);
      this.#goneMarkers.remove(this.#readAt, (marker) => this.#reachedBy(marker));
    } catch (error) {
      this.#failures++;
      if (this.#all.length === 0)
        this.#listener.onUnreadable(error instanceof Error ? error.message : String(error));
    }
  }

  #delayMs(): number {
    if (this.#failures > 0) return reconnectDelayMs(this.#failures, this.#settings.random());
    const isWhole = this.#routes.length > 0 && this.#all.every(isConnected);
    return isWhole ? READ_MS : READ_AGAIN_MS;
  }

  #readAfter(delayMs: number): void {
    this.#nextRead?.cancel();
    // If a shard is away, another server is asked: the one that told the topology may not have heard of it.
    const read = (): void => void this.#read(this.#isOutdated || !this.#all.every(isConnected));
    this.#nextRead = this.#settings.clock.setTimer(read, delayMs, 'background');
  }

  /** Takes over a topology. The markers of the shards and the slots that lead to them change at once. */
  #follow({ shards: places }: Topology): void {
    const before = this.#all;
    const markers = before.map(({ marker }) => marker);
    const kept = new Map(before.map((shard) => [keyOf(shard.place), shard]));
    this.#all = places.map((place) => {
      const shard = kept.get(keyOf(place));
      if (shard === undefined) return this.#open(place);
      this.#move(shard, place);
      return shard;
    });
    for (const shard of before) if (!this.#all.includes(shard)) void shard.node.close();
    const present = this.#all.map(({ marker }) => marker);
    this.#goneMarkers.follow(markers, present, this.#settings.clock.now());
    const routes: (Shard | undefined)[] = Array.from({ length: SLOTS });
    for (const shard of this.#all)
      for (const [first, last] of shard.place.ranges) routes.fill(shard, first, last + 1);
    this.#routes = routes;
    this.#listener.onTopology();
  }

  /** The shard that has this key, if it can be asked. */
  #reachedBy(key: string): Shard | undefined {
    const shard = this.serving(slotOf(key));
    return shard !== undefined && isConnected(shard) ? shard : undefined;
  }

  /** The shard may serve other slots than before, or may have taken over its slots again. */
  #move(shard: Shard, place: ShardPlace): void {
    if (isPartOf(place, shard.place) && isPartOf(shard.place, place)) return;
    const memory = isPartOf(place, shard.place) ? 'remembers' : 'none';
    const marker = shardMarkerOf(this.#keyPrefix, place);
    shard.formerMarkers.add(shard.marker);
    Object.assign(shard, { place, marker });
    if (!isConnected(shard)) return;
    void shard.node.rename(memory === 'none' && shard.formerMarkers.has(marker) ? 'before' : memory);
  }

  #open(place: ShardPlace): Shard {
    const endpoint = this.#endpoint.serverAt(place.host, place.port);
    const shard: Shard = {
      name: endpoint.address,
      place,
      marker: shardMarkerOf(this.#keyPrefix, place),
      formerMarkers: new Set(),
      node: new RedisNode(endpoint, {
        ...this.#settings,
        shard: { marker: () => shard.marker, slotOf: (request) => this.#slots.of(request) },
      }),
    };
    shard.node.onStateChange(({ status }) => {
      if (!this.#all.includes(shard)) return;
      if (status === 'unreachable' || status === 'misconfigured') this.readSoon();
      this.#listener.onState();
    });
    return shard;
  }
}

const keyOf = ({ id, host, port }: ShardPlace): string => `${id} ${host}:${port}`;

const CONNECTED: ReadonlySet<NodeState['status']> = new Set(['ready', 'untrusted', 'new']);
const isConnected = ({ node }: Shard): boolean => CONNECTED.has(node.state.status);
