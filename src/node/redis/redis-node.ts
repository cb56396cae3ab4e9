import { failed, type Failed, type Vote } from '../../core/vote.js';
import type {
  VoteReceiver,
  ReleaseListener,
  LockNode,
  NodeInspection,
  NodeMemory,
  NodeRequest,
  NodeState,
} from '../lock-node.js';
import { inspectionOf, inspectOperation, requestOperation, voteOf } from './protocol/batch.js';
import type { Endpoint } from './connection/endpoint.js';
import { RequestBatcher, splitBySlot } from './request-batcher.js';
import { channelOf } from './protocol/keys.js';
import { NO_LISTENER, OpenListeners, RedisReleaseListener } from './release-listener.js';
import { isNotPermitted } from './server/permission-errors.js';
import type { Operation } from './protocol/script-call.js';
import { RedisServer, type ServerSettings } from './server/redis-server.js';

export interface RedisNodeSettings extends ServerSettings {
  readonly shard?: NonNullable<ServerSettings['shard']> & {
    /** Requests of different slots cannot go in one call. */
    slotOf(request: NodeRequest): number;
  };
}

/** A request, and who hears its answer. */
interface Asked {
  readonly request: NodeRequest;
  readonly operation: Operation;
  readonly weight: number;
  readonly receiver: VoteReceiver;
  readonly nodeIndex: number;
  /** Whether it was late before; see `#answer`. */
  readonly isSecond: boolean;
}

/** A Redis server as a voter: it gathers requests into calls, and makes votes of the replies. */
export class RedisNode implements LockNode {
  readonly name: string;
  readonly address: string;
  readonly #settings: RedisNodeSettings;
  readonly #server: RedisServer;
  readonly #requests: RequestBatcher<Asked>;
  readonly #listeners = new OpenListeners<RedisReleaseListener>();

  constructor(endpoint: Endpoint, settings: RedisNodeSettings) {
    this.name = endpoint.name;
    this.address = endpoint.address;
    this.#settings = settings;
    this.#server = new RedisServer(endpoint, settings, () =>
      this.#listeners.forEach((listener) => listener.renew()),
    );
    const { shard } = settings;
    const slotOf = shard && (({ request }: Asked): number => shard.slotOf(request));
    this.#requests = new RequestBatcher(
      settings.clock,
      slotOf ? splitBySlot(this.#send, slotOf) : this.#send,
    );
  }

  get state(): NodeState {
    return this.#server.state;
  }

  get memory(): NodeMemory {
    return this.#server;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#server.observableState.onChange(listener);
  }

  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    const operation = requestOperation(this.#server.keyPrefix, request);
    const weight = request.resources.length;
    this.#requests.add({ request, operation, weight, receiver, nodeIndex, isSecond: false });
  }

  withdraw(holderId: string): void {
    const isVain = ({ request }: Asked): boolean => request.holderId === holderId && !isForTheRecord(request);
    for (const { receiver, nodeIndex } of this.#requests.withdraw(isVain))
      receiver.receive(nodeIndex, WITHDRAWN);
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    if (this.#server.observableState.ended) return NO_LISTENER;
    const prefix = this.#server.keyPrefix;
    const hear = (key: string | undefined): void => {
      if (key === undefined) listener(undefined);
      else if (key.startsWith(prefix)) listener(key.slice(prefix.length));
    };
    const refused = (error: unknown): void => {
      if (error instanceof Error && isNotPermitted(error.message)) this.#server.cannotSubscribe();
    };
    return this.#listeners.add(
      new RedisReleaseListener(this.#server.open(), channelOf(prefix, waiter), hear, refused),
    );
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    if (this.state.status === 'connecting') await this.#server.observableState.next();
    const operations = resources.map((resource) => inspectOperation(this.#server.keyPrefix, resource));
    const replies =
      this.#server.absence() ??
      (await new Promise<readonly unknown[] | Failed>((resolve) => this.#server.ask(operations, 0, resolve)));
    return isFailed(replies)
      ? resources.map(() => replies)
      : replies.map((reply, at) => inspectionOf(reply, operations[at]!));
  }

  /** The name of its marker has changed; see there. */
  rename(memory: 'remembers' | 'before' | 'none'): Promise<void> {
    return this.#server.rename(memory);
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

  /** Sends a batch, and answers every request of it, whatever happens. */
  readonly #send = (batch: readonly Asked[], done: () => void): void => {
    if (this.state.status === 'connecting')
      void this.#server.observableState.next().then(() => this.#send(batch, done));
    else this.#sendNow(batch, done);
  };

  #sendNow(batch: readonly Asked[], done: () => void): void {
    const inTime = this.#toBeSent(batch);
    if (inTime.length === 0) return done();
    const operations = inTime.map(({ operation }) => operation);
    const latest = inTime.reduce((last, { request }) => Math.max(last, deadlineOf(request, 0)), 0);
    this.#server.ask(operations, latest, (replies) => {
      if (isFailed(replies))
        for (const { receiver, nodeIndex } of inTime) receiver.receive(nodeIndex, replies);
      else this.#conclude(inTime, replies);
      done();
    });
  }

  /** Answers those to whom nothing can be sent, or for whom nobody waits any more: behind others, or for the connection. */
  #toBeSent(batch: readonly Asked[]): readonly Asked[] {
    const absence = this.#server.absence();
    const now = this.#settings.clock.now();
    const isLate = ({ request }: Asked): boolean => deadlineOf(request) < now;
    if (absence === undefined && !batch.some(isLate)) return batch;
    return batch.filter((asked) => {
      const obstacle = absence ?? (isLate(asked) ? LATE : undefined);
      if (obstacle !== undefined) asked.receiver.receive(asked.nodeIndex, obstacle);
      return obstacle === undefined;
    });
  }

  #conclude(batch: readonly Asked[], replies: readonly unknown[]): void {
    if (replies.some(isReadOnly)) this.#server.onDemotion();
    const quarantine = this.#server.untrustedNow();
    for (let at = 0; at < batch.length; at++) {
      const asked = batch[at]!;
      this.#answer(asked, voteOf(replies[at], asked.operation), quarantine);
    }
  }

  #answer(asked: Asked, vote: Vote, quarantine: Failed | undefined): void {
    const { request, isSecond, receiver, nodeIndex } = asked;
    // The longer nothing was heard of a node, the earlier a deadline is passed on to it. The answer has told the node's time
    // anew, and nothing was written: whoever has time left asks again.
    const isLate = vote.kind === 'failed' && vote.reason === 'late';
    if (isLate && !isSecond && deadlineOf(request) > this.#settings.clock.now())
      this.#requests.add({ ...asked, isSecond: true });
    // A grant of a node that is not trusted does not count, although it may be there.
    else if (quarantine !== undefined && vote.kind === 'granted' && request.op !== 'release')
      receiver.receive(nodeIndex, quarantine);
    // Nor does what it granted to others.
    else if (quarantine !== undefined && vote.kind === 'refused')
      receiver.receive(nodeIndex, { ...vote, untrusted: true });
    else receiver.receive(nodeIndex, vote);
  }
}

const isFailed = (replies: readonly unknown[] | Failed): replies is Failed => 'kind' in replies;

/** The script catches the error of each operation, so it comes in the reply of the operation. */
const isReadOnly = (reply: unknown): boolean =>
  Array.isArray(reply) && Number(reply[0]) === 5 && String(reply[1]).startsWith('READONLY');

const LATE = failed('late', new Error('the request was not sent before its deadline'));
const WITHDRAWN = failed('withdrawn', new Error('the node does not answer, and nothing was sent'));

/** Whether it is right, or needed, whenever it comes. */
const isForTheRecord = (request: NodeRequest): boolean =>
  request.op === 'release' ||
  request.op === 'wake' ||
  request.op === 'confirm' ||
  (request.op === 'acquire' && request.tick !== undefined);

const deadlineOf = (request: NodeRequest, none = Number.POSITIVE_INFINITY): number =>
  request.op === 'release' || request.op === 'wake' ? none : request.deadlineAt;
