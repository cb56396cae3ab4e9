import type { Timer } from '../../../clock.js';
import { failed, type Failed, type Vote } from '../../../core/vote.js';
import type { LockNode, NodeInspection, ReleaseListener, VoteReceiver } from '../../lock-node.js';
import type { NodeMemory, RecordWrite } from '../../node-memory.js';
import type { NodeRequest } from '../../node-request.js';
import type { NodeState } from '../../node-state.js';
import { ObservableState } from '../../observable-state.js';
import type { RedisNodeSettings } from '../redis-node.js';
import { OpenListeners } from '../release-listener.js';
import { permissionErrorOf } from '../server/permission-errors.js';
import type { ClusterEndpoint } from './cluster-endpoint.js';
import { ClusterReleaseListener } from './cluster-release-listener.js';
import { ClusterShards, type Shard } from './cluster-shards.js';
import { clusterStateOf } from './cluster-state.js';
import { APART, MIXED, RequestSlots, togetherOf, type Divisible } from './request-slots.js';

/**
 * Between two looks at a shard without a marker, so that another client that is marking the shards can
 * finish.
 */
const SECOND_LOOK_MS = 500;

/**
 * The server turned the whole call away, at its declared keys or at the marker before them. Nothing was
 * written.
 */
const NOT_SERVED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) |non local key in a cluster/;

/**
 * Another server serves the slot, or this one is cut off from the others. The topology says otherwise, so
 * whoever told it may be cut off as well.
 */
const OUTDATED = /^(MOVED|CLUSTERDOWN) /;

/** A Redis Cluster as one voter. A request goes to the shard that serves the slot of its keys. */
export class RedisClusterNode implements LockNode, NodeMemory {
  readonly name: string;
  readonly address: string;
  readonly #settings: RedisNodeSettings;
  readonly #state = new ObservableState();
  readonly #listeners = new OpenListeners<ClusterReleaseListener<Shard>>();
  readonly #slots: RequestSlots;
  readonly #shards: ClusterShards;
  #secondLook: Timer | undefined;
  #isConcluding = false;

  constructor(endpoint: ClusterEndpoint, settings: RedisNodeSettings) {
    this.name = endpoint.name;
    this.address = endpoint.address;
    this.#settings = settings;
    const keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    this.#slots = new RequestSlots(keyPrefix);
    this.#shards = new ClusterShards(endpoint, settings, keyPrefix, this.#slots, {
      onTopology: () => this.#onTopology(),
      onState: () => this.#updateState(),
      onUnreadable: (reason) => this.#onUnreadable(reason),
    });
    this.#shards.start();
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
    if (this.#isStarting()) {
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
      { receive: (_, vote) => receiver.receive(nodeIndex, this.#checked(vote)) },
      nodeIndex,
    );
  }

  withdraw(holderId: string): void {
    for (const { node } of this.#shards.all) node.withdraw(holderId);
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    const releases = new ClusterReleaseListener<Shard>(
      ({ node }, onMessage) => node.onRelease(waiter, onMessage),
      (resource, shard) => this.#shards.serving(this.#slots.ofResource(resource)) === shard,
      listener,
    );
    releases.follow(this.#shards.all);
    return this.#listeners.add(releases);
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    if (this.#isStarting()) await this.#state.next();
    return Promise.all(
      resources.map(async (resource) => {
        const shard = this.#shardOf(this.#slots.ofResource(resource));
        if ('kind' in shard) return shard;
        const [answer = NO_ANSWER] = await shard.node.inspect([resource]);
        return answer.kind === 'failed' ? this.#checked(answer) : answer;
      }),
    );
  }

  async history(resource: string): Promise<readonly string[] | Failed> {
    if (this.#isStarting()) await this.#state.next();
    const shard = this.#shardOf(this.#slots.ofResource(resource));
    if ('kind' in shard) return shard;
    const answer = await shard.node.history(resource);
    return 'kind' in answer ? this.#checked(answer) : answer;
  }

  /**
   * The memory of a Cluster has no name, so its quarantine is not lifted, and it is no witness for others.
   */
  async look(isUsed = false): Promise<undefined> {
    await Promise.all(this.#shards.all.map(({ node }) => node.memory.look(isUsed)));
  }

  trust(): Promise<void> {
    return this.#conclude((memory) => memory.trust());
  }

  recordLoss(): Promise<void> {
    return this.#conclude((memory) => memory.recordLoss());
  }

  /** The shard of the first slot has the id of the whole Cluster. */
  async identify(id: string, replacedId?: string): Promise<void> {
    await this.#shards.serving(0)?.node.memory.identify?.(id, replacedId);
  }

  /** Every shard keeps the record, because every shard votes. Those that have this list are left alone. */
  async writeRecord(write: RecordWrite, waitMs: number, deadlineAt: number): Promise<void> {
    const { record } = this.state;
    if (record?.memory !== write.memory || record.sequence !== write.sequence) return;
    const writes = this.#shards.all.map(async ({ node }) => {
      const own = node.state.record;
      if (own === undefined || own.pair?.list.id === write.list.id) return;
      const { memory, sequence } = own;
      // The Cluster has the oldest record of its shards. This one may have had another.
      const isOther = write.outstanding === 'nothing' && own.pair?.previous !== undefined;
      const outstanding = isOther ? 'own votes' : write.outstanding;
      await node.memory.writeRecord?.({ ...write, memory, sequence, outstanding }, waitMs, deadlineAt);
    });
    await Promise.all(writes);
  }

  quarantine(reason: string): void {
    for (const { node } of this.#shards.all) node.memory.quarantine(reason);
  }

  endQuarantine(reason: string): void {
    for (const { node } of this.#shards.all) node.memory.endQuarantine?.(reason);
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
    this.#secondLook?.cancel();
    this.#listeners.close();
    this.#shards.close();
  }

  #isStarting(): boolean {
    return this.#shards.all.length === 0 && this.state.status === 'connecting';
  }

  #shardOf(slot: number): Shard | Failed {
    const { status, reason = status } = this.state;
    if (this.#state.ended || this.#shards.all.length === 0) return failed('unreachable', new Error(reason));
    const shard = this.#shards.serving(slot);
    if (shard !== undefined) return shard;
    this.#shards.readSoon();
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

  /** A shard's vote. If the shard could not or would not answer, another one may serve the slot by now. */
  #checked<Answer extends Vote>(vote: Answer): Answer | Failed {
    if (vote.kind !== 'failed') return vote;
    const { reason, cause } = vote;
    if (reason === 'unreachable' || reason === 'disconnected') this.#shards.readSoon();
    if (reason !== 'error' || !NOT_SERVED.test(cause.message)) return vote;
    this.#shards.readSoon(OUTDATED.test(cause.message));
    return failed('unreachable', cause);
  }

  /** Trusts the shards, or records their loss. That the Cluster is new was said of all of it. */
  async #conclude(what: (memory: NodeMemory) => Promise<void>): Promise<void> {
    // A shard that has got its marker meanwhile has it from another client.
    const isNew = this.state.status === 'new';
    const concerned = this.#shards.all.filter(({ node }) => !isNew || node.state.status === 'new');
    // Between the first and the last shard, the Cluster would look like one that has lost a part of its
    // memory.
    this.#isConcluding = true;
    await Promise.all(concerned.map(({ node }) => what(node.memory)));
    this.#isConcluding = false;
    this.#updateState();
  }

  #onTopology(): void {
    this.#listeners.forEach((listener) => listener.follow(this.#shards.all));
    this.#updateState();
  }

  #onUnreadable(reason: string): void {
    const permissionError = permissionErrorOf(reason);
    if (permissionError === undefined) this.#state.set({ status: 'unreachable', reason });
    else this.#state.set({ status: 'misconfigured', reason: permissionError });
  }

  #updateState(): void {
    // The shards are closed one after the other.
    if (this.#isConcluding || this.#state.ended) return;
    const shards = this.#shards.all.map(({ name, node }) => ({ name, state: node.state }));
    const first = this.#shards.serving(0);
    const speaker = first && { state: first.node.state };
    const isStarting = this.state.status === 'connecting';
    const state = clusterStateOf(shards, speaker, this.#shards.unserved, isStarting);
    this.#state.set(state);
    const isMixed = state.status !== 'new' && state.status !== 'connecting';
    if (isMixed && shards.some((shard) => shard.state.status === 'new')) this.#lookAgain();
  }

  /**
   * A shard without a marker beside others that have one, or may have one: it lost its memory, or came later.
   */
  #lookAgain(): void {
    const look = async (): Promise<void> => {
      const fresh = this.#shards.all.filter(({ node }) => node.state.status === 'new');
      await Promise.all(fresh.map(({ node }) => node.memory.look()));
      this.#secondLook = undefined;
      if (this.#state.ended || this.state.status === 'new') return;
      const still = fresh.filter(({ node }) => node.state.status === 'new');
      await Promise.all(still.map(({ node }) => node.memory.recordLoss()));
    };
    this.#secondLook ??= this.#settings.clock.setTimer(() => void look(), SECOND_LOOK_MS, 'background');
  }
}

const NO_ANSWER = failed('error', new Error('the shard did not answer the request'));
