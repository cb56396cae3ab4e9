import type { Failed, Vote } from '../../core/vote.js';
import type { VoteReceiver, ReleaseListener, LockNode, NodeInspection } from '../lock-node.js';
import type { NodeMemory } from '../node-memory.js';
import type { NodeRequest } from '../node-request.js';
import type { NodeState } from '../node-state.js';
import { PendingRequests, type PendingRequest } from '../server/pending-requests.js';
import type { Endpoint } from './connection/endpoint.js';
import { channelOf } from './protocol/keys.js';
import { historyFrom, inspectionsIn, isMisfit, votesIn } from './protocol/replies.js';
import { historyOperation, inspectOperation, RequestEncoder } from './protocol/requests.js';
import { NO_LISTENER, OpenListeners, RedisReleaseListener } from './release-listener.js';
import { isNotPermitted } from './server/permission-errors.js';
import type { CallContent, Operation } from './protocol/script-call.js';
import { RedisServer, type CallResult } from './server/redis-server.js';
import type { ServerSettings } from './server/server-settings.js';

export interface RedisNodeSettings extends ServerSettings {
  /** The nodes of a manager share one, so that what they are asked alike is encoded once. */
  readonly encoder?: RequestEncoder;
  readonly shard?: NonNullable<ServerSettings['shard']> & {
    /** The slot of a request's keys. */
    slotOf(request: NodeRequest): number;
  };
}

/** A request on its way, as the script takes it. */
interface RedisRequest extends PendingRequest {
  readonly operation: Operation;
}

/** A Redis server as a voter. It gathers requests into calls, and makes votes of the replies. */
export class RedisNode implements LockNode {
  readonly name: string;
  readonly address: string;
  readonly #settings: RedisNodeSettings;
  readonly #encoder: RequestEncoder;
  readonly #server: RedisServer;
  readonly #requests: PendingRequests<RedisRequest>;
  readonly #listeners = new OpenListeners<RedisReleaseListener>();

  constructor(endpoint: Endpoint, settings: RedisNodeSettings) {
    this.name = endpoint.name;
    this.address = endpoint.address;
    this.#settings = settings;
    this.#server = new RedisServer(endpoint, settings, () =>
      this.#listeners.forEach((listener) => listener.renew()),
    );
    this.#encoder = settings.encoder ?? new RequestEncoder(settings.fenceTtlMs);
    this.#requests = new PendingRequests(settings.clock, this.#server, this.#send);
  }

  get #isOnShard(): boolean {
    return this.#settings.shard !== undefined;
  }

  get state(): NodeState {
    return this.#server.state;
  }

  get memory(): NodeMemory {
    return this.#server;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#server.voting.onChange(listener);
  }

  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    const slot = this.#settings.shard?.slotOf(request);
    const operation = this.#encoder.operationOf(this.#server.keyPrefix, request, slot);
    const weight = request.resources.length;
    this.#requests.add({ request, operation, weight, receiver, nodeIndex, isSecond: false });
  }

  withdraw(holderId: string): void {
    this.#requests.withdraw(holderId);
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    if (this.#server.voting.ended) return NO_LISTENER;
    const prefix = this.#server.keyPrefix;
    const onMessage = (key: string | undefined): void => {
      if (key === undefined) {
        this.#server.voting.canSubscribe();
        listener(undefined);
      } else if (key.startsWith(prefix)) listener(key.slice(prefix.length));
    };
    const onRefused = (error: unknown): void => {
      if (error instanceof Error && isNotPermitted(error.message)) this.#server.voting.cannotSubscribe();
    };
    const ports = { clock: this.#settings.clock, onMessage, onRefused };
    return this.#listeners.add(
      new RedisReleaseListener(this.#server.open(), channelOf(prefix, waiter), ports),
    );
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    if (resources.length === 0) return [];
    const { keyPrefix } = this.#server;
    const operations = resources.map((resource) => inspectOperation(keyPrefix, resource, this.#isOnShard));
    const result = await this.#read(operations);
    return isFailed(result) ? resources.map(() => result) : this.#noted(inspectionsIn(result, operations));
  }

  async history(resource: string): Promise<readonly string[] | Failed> {
    const operation = historyOperation(this.#server.keyPrefix, resource, this.#isOnShard);
    const result = await this.#read([operation]);
    return isFailed(result) ? result : this.#noted([historyFrom(result, operation)])[0]!;
  }

  /** Asks what changes nothing, and does not wait for other requests. */
  async #read(operations: readonly Operation[]): Promise<CallResult> {
    if (this.state.status === 'connecting') await this.#server.voting.next();
    const absence = this.#server.voting.absence();
    if (absence !== undefined) return absence;
    const calls = this.#encoder.callsOf(operations, this.#settings.clock.now());
    return new Promise((resolve) => this.#server.ask(calls, (_, answers) => resolve(answers)));
  }

  /** The name of the marker has changed, see `RedisServer.rename`. */
  rename(memory: 'remembers' | 'before' | 'none'): Promise<void> {
    return this.#server.rename(memory);
  }

  /** See `RedisServer.removeMarker`. */
  removeMarker(marker: string): Promise<void> {
    return this.#server.removeMarker(marker);
  }

  markMisconfigured(reason: string): void {
    this.#leave({ status: 'misconfigured', reason });
  }

  close(): Promise<void> {
    this.#leave({ status: 'closed' });
    return Promise.resolve();
  }

  #leave(state: NodeState): void {
    this.#server.leave(state);
    this.#listeners.close();
  }

  /** Sends a batch, and gives a vote on every request of it, whatever happens. */
  readonly #send = (batch: readonly RedisRequest[], done: () => void): void => {
    if (this.state.status === 'connecting')
      void this.#server.voting.next().then(() => this.#send(batch, done));
    else this.#sendNow(batch, done);
  };

  #sendNow(batch: readonly RedisRequest[], done: () => void): void {
    const now = this.#settings.clock.now();
    const inTime = this.#requests.toBeSent(batch, now);
    const operations = inTime.map(({ operation }) => operation);
    const calls = this.#encoder.callsOf(operations, now);
    let underWay = calls.length;
    if (underWay === 0) return done();
    this.#server.ask(calls, (call, result) => {
      this.#conclude(inTime, call, result);
      if (--underWay === 0) done();
    });
  }

  #conclude(batch: readonly RedisRequest[], { operations, places }: CallContent, result: CallResult): void {
    if (isFailed(result)) {
      for (const place of places) {
        const { receiver, nodeIndex } = batch[place]!;
        receiver.receive(nodeIndex, result);
      }
      return;
    }
    const votes = this.#noted(votesIn(result, operations));
    if (votes.some(isReadOnly)) this.#server.onDemotion();
    if (this.#settings.acknowledge === undefined) this.#answerAll(batch, places, votes);
    else this.#answerOnceReplicated(batch, places, votes, this.#settings.acknowledge);
  }

  /** Takes note of a reply that does not fit its call: each of its answers says so. */
  #noted<Answer>(answers: readonly Answer[]): readonly Answer[] {
    if (isMisfit(answers[0])) this.#server.onMisfit();
    return answers;
  }

  #answerOnceReplicated(
    batch: readonly RedisRequest[],
    places: readonly number[],
    votes: readonly Vote[],
    acknowledge: NonNullable<RedisNodeSettings['acknowledge']>,
  ): void {
    const isNews = (vote: Vote, at: number): boolean => isKeyGranted(batch[places[at]!]!.request, vote);
    if (!votes.some(isNews)) return this.#answerAll(batch, places, votes);
    void this.#server.acknowledged(acknowledge).then((fault) => {
      const known = votes.map((vote, at) => (isNews(vote, at) ? (fault ?? vote) : vote));
      this.#answerAll(batch, places, known);
    });
  }

  #answerAll(batch: readonly RedisRequest[], places: readonly number[], votes: readonly Vote[]): void {
    const quarantine = this.#server.voting.untrusted();
    for (let at = 0; at < votes.length; at++)
      this.#requests.answer(batch[places[at]!]!, votes[at]!, quarantine);
  }
}

const isFailed = (result: CallResult): result is Failed => 'kind' in result;

/** A script catches the error of an operation, so the error comes in the answer to the operation. */
const isReadOnly = (vote: Vote): boolean =>
  vote.kind === 'failed' && vote.reason === 'error' && vote.cause.message.startsWith('READONLY');

/** Whether the vote gives or prolongs a key: what replicas have to know, if they are asked. */
const isKeyGranted = ({ op }: NodeRequest, vote: Vote): boolean =>
  vote.kind === 'granted' && (op === 'acquire' || op === 'confirm' || op === 'extend');
