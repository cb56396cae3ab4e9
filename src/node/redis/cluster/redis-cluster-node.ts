import type { Timer } from '../../../clock.js';
import { reconnectDelayMs } from '../../../core/backoff.js';
import { failed, type Failed, type Vote } from '../../../core/vote.js';
import type {
  VoteReceiver,
  ReleaseListener,
  LockNode,
  NodeInspection,
  NodeMemory,
  NodeRequest,
  NodeState,
} from '../../lock-node.js';
import { ClusterReleaseListener } from './cluster-release-listener.js';
import { TopologyReader } from './topology-reader.js';
import type { ClusterEndpoint } from './cluster-endpoint.js';
import { clusterStateOf } from './cluster-state.js';
import { isPartOf, shardMarkerOf, type ShardPlace, type Topology } from './topology.js';
import { OpenListeners } from '../release-listener.js';
import { SLOTS } from './key-slot.js';
import { RedisNode, type RedisNodeSettings } from '../redis-node.js';
import { permissionErrorOf } from '../server/permission-errors.js';
import { APART, MIXED, RequestSlots, togetherOf, type Divisible } from './request-slots.js';
import { ObservableState } from '../../observable-state.js';

interface Shard {
  readonly name: string;
  readonly node: RedisNode;
  place: ShardPlace;
  marker: string;
  /** The markers that it has had. */
  readonly former: Set<string>;
}

/** How often it is asked who serves what, and how soon after the last time where something has changed, it seems. */
const READ_MS = 5_000;
const READ_AGAIN_MS = 1_000;
/** Between two looks at a shard without a marker, so that another client that is marking them can finish; see FirstUse. */
const SECOND_LOOK_MS = 500;

/** The whole call was turned away, at its declared keys or at the marker before them: nothing was written. */
const NOT_SERVED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) |non local key in a cluster/;

/**
 * A Redis Cluster as one voter. It is made of shards, each a RedisNode over a connection of its own with a marker, a
 * quarantine and a clock of its own, and a request goes to the one that serves the slot of its keys.
 */
export class RedisClusterNode implements LockNode, NodeMemory {
  readonly name: string;
  readonly address: string;
  readonly #endpoint: ClusterEndpoint;
  readonly #settings: RedisNodeSettings;
  readonly #keyPrefix: string;
  readonly #topology: TopologyReader;
  readonly #state = new ObservableState();
  readonly #listeners = new OpenListeners<ClusterReleaseListener<Shard>>();
  readonly #slots: RequestSlots;
  #shards: readonly Shard[] = [];
  /** By slot. */
  #routes: readonly (Shard | undefined)[] = [];
  #reading: Promise<void> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #nextRead: Timer | undefined;
  #failures = 0;
  #secondLook: Timer | undefined;
  #isTrusting = false;

  constructor(endpoint: ClusterEndpoint, settings: RedisNodeSettings) {
    this.name = endpoint.name;
    this.address = endpoint.address;
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    this.#slots = new RequestSlots(this.#keyPrefix);
    this.#topology = new TopologyReader(endpoint);
    void this.#read(false);
  }

  get state(): NodeState {
    return this.#state.state;
  }

  get memory(): NodeMemory {
    return this;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#state.onChange(listener);
  }

  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    if (this.#shards.length === 0 && this.state.status === 'connecting') {
      void this.#state.next().then(() => this.ask(request, receiver, nodeIndex));
      return;
    }
    const slot = this.#slots.of(request);
    if (slot === MIXED) {
      if (request.op === 'release' || request.op === 'wake') this.#askBySlot(request, receiver, nodeIndex);
      else receiver.receive(nodeIndex, APART);
      return;
    }
    const shard = this.#shardOf(slot);
    if ('kind' in shard) return receiver.receive(nodeIndex, shard);
    shard.node.ask(
      request,
      { receive: (_, vote) => receiver.receive(nodeIndex, this.#heard(vote)) },
      nodeIndex,
    );
  }

  withdraw(holderId: string): void {
    for (const { node } of this.#shards) node.withdraw(holderId);
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    const releases = new ClusterReleaseListener<Shard>(
      ({ node }, hear) => node.onRelease(waiter, hear),
      (resource, shard) => this.#routes[this.#slots.ofResource(resource)] === shard,
      listener,
    );
    releases.follow(this.#shards);
    return this.#listeners.add(releases);
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    if (this.#shards.length === 0 && this.state.status === 'connecting') await this.#state.next();
    return Promise.all(
      resources.map(async (resource) => {
        const shard = this.#shardOf(this.#slots.ofResource(resource));
        if ('kind' in shard) return shard;
        const [answer = NOTHING] = await shard.node.inspect([resource]);
        return answer.kind === 'failed' ? this.#heard(answer) : answer;
      }),
    );
  }

  async look(): Promise<void> {
    await Promise.all(this.#shards.map(({ node }) => node.memory.look()));
  }

  trust(): Promise<void> {
    return this.#conclude((memory) => memory.trust());
  }

  recordLoss(): Promise<void> {
    return this.#conclude((memory) => memory.recordLoss());
  }

  async #conclude(what: (memory: NodeMemory) => Promise<void>): Promise<void> {
    // That it is new was said of all of it. A shard that has got its marker meanwhile has it from somebody else.
    const isNew = this.state.status === 'new';
    const concerned = this.#shards.filter(({ node }) => !isNew || node.state.status === 'new');
    // Between the first and the last of them it would look like one that has lost a part of its memory.
    this.#isTrusting = true;
    await Promise.all(concerned.map(({ node }) => what(node.memory)));
    this.#isTrusting = false;
    this.#updateTrust();
  }

  async recordMembers(members: string): Promise<void> {
    await this.#routes[0]?.node.memory.recordMembers(members);
  }

  quarantine(reason: string): void {
    for (const { node } of this.#shards) node.memory.quarantine(reason);
  }

  markMisconfigured(reason: string): void {
    this.#leave({ status: 'misconfigured', reason });
  }

  close(): Promise<void> {
    this.#leave({ status: 'closed' });
    return Promise.resolve();
  }

  #leave(state: NodeState): void {
    this.#state.end(state);
    this.#nextRead?.cancel();
    this.#secondLook?.cancel();
    this.#topology.close();
    this.#listeners.close();
    for (const { node } of this.#shards) void node.close();
  }

  #shardOf(slot: number): Shard | Failed {
    const { status, reason = status } = this.state;
    if (this.#state.ended || this.#shards.length === 0) return failed('unreachable', new Error(reason));
    const shard = this.#routes[slot];
    if (shard !== undefined) return shard;
    this.#readSoon();
    return failed('unreachable', new Error(`slot ${slot} is served by no master`));
  }

  #askBySlot(request: Divisible, receiver: VoteReceiver, nodeIndex: number): void {
    const parts = this.#slots.divide(request);
    const votes: Vote[] = [];
    const receive = (_: number, vote: Vote): void => {
      votes.push(vote);
      if (votes.length === parts.length) receiver.receive(nodeIndex, togetherOf(votes));
    };
    for (const part of parts) this.ask(part, { receive }, nodeIndex);
  }

  /** A shard's vote. Where it could not or would not answer, somebody else may serve the slot by now. */
  #heard<Answer extends Vote>(vote: Answer): Answer | Failed {
    if (vote.kind !== 'failed') return vote;
    const { reason, cause } = vote;
    if (reason === 'unreachable' || reason === 'disconnected') this.#readSoon();
    if (reason !== 'error' || !NOT_SERVED.test(cause.message)) return vote;
    this.#readSoon();
    return failed('unreachable', cause);
  }

  /** Reads who serves what, once at a time. */
  #read(elsewhere: boolean): Promise<void> {
    this.#reading ??= this.#readNow(elsewhere).finally(() => {
      this.#reading = undefined;
      if (!this.#state.ended) this.#readAfter(this.#delayMs());
    });
    return this.#reading;
  }

  async #readNow(elsewhere: boolean): Promise<void> {
    this.#nextRead?.cancel();
    this.#readAt = this.#settings.clock.now();
    try {
      const topology = await this.#topology.read(elsewhere);
      this.#failures = 0;
      if (!this.#state.ended) this.#follow(topology);
    } catch (error) {
      this.#failures++;
      const reason = error instanceof Error ? error.message : String(error);
      const refusal = permissionErrorOf(reason);
      if (this.#shards.length > 0) return;
      if (refusal === undefined) this.#state.set({ status: 'unreachable', reason });
      else this.#state.set({ status: 'misconfigured', reason: refusal });
    }
  }

  #delayMs(): number {
    if (this.#failures > 0) return reconnectDelayMs(this.#failures, this.#settings.random());
    const isWhole = this.#routes.length > 0 && this.#shards.every(({ node }) => isThere(node.state));
    return isWhole ? READ_MS : READ_AGAIN_MS;
  }

  /** Something has changed, it seems; the server that told who serves what may not have heard of it. */
  #readSoon(): void {
    if (this.#state.ended || this.#reading !== undefined) return;
    this.#readAfter(Math.max(0, this.#readAt + READ_AGAIN_MS - this.#settings.clock.now()));
  }

  #readAfter(delayMs: number): void {
    this.#nextRead?.cancel();
    const read = (): void => void this.#read(this.#shards.some(({ node }) => !isThere(node.state)));
    this.#nextRead = this.#settings.clock.setTimer(read, delayMs, 'background');
  }

  /** Takes over who serves what. Which marker a shard has and which slots lead to it changes at once. */
  #follow({ shards: places }: Topology): void {
    const before = this.#shards;
    const kept = new Map(before.map((shard) => [keyOf(shard.place), shard]));
    this.#shards = places.map((place) => {
      const shard = kept.get(keyOf(place));
      if (shard === undefined) return this.#open(place);
      this.#move(shard, place);
      return shard;
    });
    for (const shard of before) if (!this.#shards.includes(shard)) void shard.node.close();
    const routes: (Shard | undefined)[] = Array.from({ length: SLOTS });
    for (const shard of this.#shards)
      for (const [first, last] of shard.place.ranges) routes.fill(shard, first, last + 1);
    this.#routes = routes;
    this.#listeners.forEach((listener) => listener.follow(this.#shards));
    this.#updateTrust();
  }

  /** It may serve something else than before, or have taken over anew what it serves. */
  #move(shard: Shard, place: ShardPlace): void {
    if (isPartOf(place, shard.place) && isPartOf(shard.place, place)) return;
    const memory = isPartOf(place, shard.place) ? 'remembers' : 'none';
    const marker = shardMarkerOf(this.#keyPrefix, place);
    shard.former.add(shard.marker);
    Object.assign(shard, { place, marker });
    if (!isThere(shard.node.state)) return;
    void shard.node.rename(memory === 'none' && shard.former.has(marker) ? 'before' : memory);
  }

  #open(place: ShardPlace): Shard {
    const endpoint = this.#endpoint.serverAt(place.host, place.port);
    const shard: Shard = {
      name: endpoint.address,
      place,
      marker: shardMarkerOf(this.#keyPrefix, place),
      former: new Set(),
      node: new RedisNode(endpoint, {
        ...this.#settings,
        shard: { marker: () => shard.marker, slotOf: (request) => this.#slots.of(request) },
      }),
    };
    shard.node.onStateChange(({ status }) => {
      if (!this.#shards.includes(shard)) return;
      if (status === 'unreachable' || status === 'misconfigured') this.#readSoon();
      this.#updateTrust();
    });
    return shard;
  }

  #updateTrust(): void {
    if (this.#isTrusting) return;
    const shards = this.#shards.map(({ name, node }) => ({ name, state: node.state }));
    const first = this.#routes[0];
    const speaker = first && { id: first.place.id, state: first.node.state };
    const unserved = this.#routes.filter((shard) => shard === undefined).length;
    const isStarting = this.state.status === 'connecting';
    const state = clusterStateOf(shards, speaker, unserved, isStarting);
    this.#state.set(state);
    const isMixed = state.status !== 'new' && state.status !== 'connecting';
    if (isMixed && shards.some((shard) => shard.state.status === 'new')) this.#lookAgain();
  }

  /** A shard without a marker beside others that have one, or may have one: it has lost its memory, or came later. */
  #lookAgain(): void {
    const look = async (): Promise<void> => {
      const fresh = this.#shards.filter(({ node }) => node.state.status === 'new');
      await Promise.all(fresh.map(({ node }) => node.memory.look()));
      this.#secondLook = undefined;
      if (this.#state.ended || this.state.status === 'new') return;
      const still = fresh.filter(({ node }) => node.state.status === 'new');
      await Promise.all(still.map(({ node }) => node.memory.recordLoss()));
    };
    this.#secondLook ??= this.#settings.clock.setTimer(() => void look(), SECOND_LOOK_MS, 'background');
  }
}

const keyOf = ({ id, host, port }: ShardPlace): string => `${id} ${host}:${port}`;

const isThere = ({ status }: NodeState): boolean =>
  status === 'ready' || status === 'untrusted' || status === 'new';

const NOTHING = failed('error', new Error('the shard did not answer the question'));
