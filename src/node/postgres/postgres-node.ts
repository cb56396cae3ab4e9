import { failed, type Failed, type Vote } from '../../core/vote.js';
import type { LockNode, NodeInspection, ReleaseListener, VoteReceiver } from '../lock-node.js';
import type { NodeMemory } from '../node-memory.js';
import type { NodeRequest } from '../node-request.js';
import type { NodeState } from '../node-state.js';
import type { NodeSettings } from '../node-options.js';
import { PendingRequests, type PendingRequest } from '../server/pending-requests.js';
import { PostgresListeners } from './postgres-listener.js';
import type { PostgresPlace } from './postgres-place.js';
import { PostgresServer } from './postgres-server.js';

/**
 * One statement is under way at a time. So the order stays, whichever connections the pool gives; and what
 * comes up meanwhile shares the next commit.
 */
const MOST_UNDER_WAY = { any: 1, full: 1 };

/** A PostgreSQL database as a voter. It gathers requests into statements, and makes votes of the answers. */
export class PostgresNode implements LockNode {
  readonly name: string;
  readonly address: string;
  readonly #server: PostgresServer;
  readonly #requests: PendingRequests<PendingRequest>;
  readonly #listeners: PostgresListeners;

  constructor(place: PostgresPlace, settings: NodeSettings) {
    this.name = place.name;
    this.address = place.address;
    const { clock, random } = settings;
    this.#server = new PostgresServer(place, settings);
    const { connections, prefix, voting } = this.#server;
    this.#listeners = new PostgresListeners(connections, prefix, clock, random, {
      hears: () => voting.canSubscribe(),
      hearsNothing: () => voting.cannotSubscribe(HEARS_NOTHING),
    });
    this.#requests = new PendingRequests(
      clock,
      this.#server,
      (batch, done) => void this.#send(batch).finally(done),
      MOST_UNDER_WAY,
    );
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
    const weight = request.resources.length;
    this.#requests.add({ request, weight, receiver, nodeIndex, isSecond: false });
  }

  withdraw(holderId: string): void {
    this.#requests.withdraw(holderId);
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    return this.#listeners.add(waiter, listener);
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    if (resources.length === 0) return [];
    const answer = await this.#read(() => this.#server.inspect(resources));
    return 'kind' in answer ? resources.map(() => answer) : answer;
  }

  history(resource: string): Promise<readonly string[] | Failed> {
    return this.#read(() => this.#server.history(resource));
  }

  markMisconfigured(reason: string): void {
    void this.#leave({ status: 'misconfigured', reason });
  }

  close(): Promise<void> {
    return this.#leave({ status: 'closed' });
  }

  async #read<Answer>(read: () => Promise<Answer>): Promise<Answer | Failed> {
    if (this.state.status === 'connecting') await this.#server.voting.next();
    try {
      return this.#server.voting.absence() ?? (await read());
    } catch (error) {
      return this.#failureOf(error);
    }
  }

  #leave(state: NodeState): Promise<void> {
    this.#listeners.close();
    return this.#server.leave(state);
  }

  /** Sends a batch, and gives a vote on every request of it, whatever happens. Never rejects. */
  async #send(batch: readonly PendingRequest[]): Promise<void> {
    if (this.state.status === 'connecting') await this.#server.voting.next();
    const inTime = this.#requests.toBeSent(batch);
    if (inTime.length === 0) return;
    const requests = inTime.map(({ request }) => request);
    let votes: readonly Vote[];
    try {
      ({ votes } = await this.#server.vote(requests));
    } catch (error) {
      if (inTime.length > 1 && this.#server.mayBeOfOneRequest(error)) return this.#sendApart(inTime);
      const failure = this.#failureOf(error);
      votes = requests.map(() => failure);
    }
    const quarantine = this.#server.voting.untrusted();
    inTime.forEach((pending, at) => this.#requests.answer(pending, votes[at]!, quarantine));
  }

  /** What the database cannot do for one request must not fail the others, which it has not carried out. */
  async #sendApart(batch: readonly PendingRequest[]): Promise<void> {
    const half = batch.length >> 1;
    await this.#send(batch.slice(0, half));
    await this.#send(batch.slice(half));
  }

  #failureOf(error: unknown): Failed {
    const { wasAnswered, message } = this.#server.failureOf(error);
    return failed(wasAnswered ? 'error' : 'disconnected', new Error(message));
  }
}

const HEARS_NOTHING =
  'its notifications do not arrive, so waiters ask again and again: is a pooler in transaction mode in ' +
  'between? See docs/postgres.md';
