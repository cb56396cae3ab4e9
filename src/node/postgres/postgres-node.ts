import { failed, type Failed, type Vote } from '../../core/vote.js';
import type {
  LockNode,
  NodeInspection,
  NodeMemory,
  NodeRequest,
  NodeState,
  ReleaseListener,
  VoteReceiver,
} from '../lock-node.js';
import type { NodeSettings } from '../node-options.js';
import { countedVote, deadlineOf, isMismatch, isSentAgain, mustArrive } from '../server/counted-vote.js';
import { RequestBatcher } from '../server/request-batcher.js';
import { PostgresListeners } from './postgres-listener.js';
import { PostgresServer, type PostgresPlace } from './postgres-server.js';

/** A request on its way, and the receiver of its vote. */
interface PendingRequest {
  readonly request: NodeRequest;
  readonly weight: number;
  readonly receiver: VoteReceiver;
  readonly nodeIndex: number;
  /** Whether it was late before, and is sent again. */
  readonly isSecond: boolean;
}

/**
 * One statement is under way at a time. So the order stays, whichever connections the pool gives; and what
 * comes up meanwhile shares the next commit.
 */
const MOST_UNDER_WAY = 1;

/** A PostgreSQL database as a voter. It gathers requests into statements, and makes votes of the answers. */
export class PostgresNode implements LockNode {
  readonly name: string;
  readonly address: string;
  readonly #settings: NodeSettings;
  readonly #server: PostgresServer;
  readonly #requests: RequestBatcher<PendingRequest>;
  readonly #listeners: PostgresListeners;
  #isLooking = false;

  constructor(place: PostgresPlace, settings: NodeSettings) {
    this.name = place.name;
    this.address = place.address;
    this.#settings = settings;
    const { clock, random } = settings;
    this.#server = new PostgresServer(place, settings);
    const { connections, prefix, voting } = this.#server;
    this.#listeners = new PostgresListeners(connections, prefix, clock, random, {
      hears: () => voting.canSubscribe(),
      hearsNothing: () => voting.cannotSubscribe(HEARS_NOTHING),
    });
    this.#requests = new RequestBatcher(
      clock,
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
    const isUnneeded = ({ request }: PendingRequest): boolean =>
      request.holderId === holderId && !mustArrive(request);
    for (const { receiver, nodeIndex } of this.#requests.withdraw(isUnneeded))
      receiver.receive(nodeIndex, WITHDRAWN);
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
    const inTime = this.#toBeSent(batch);
    if (inTime.length === 0) return;
    const requests = inTime.map(({ request }) => request);
    let votes: readonly Vote[];
    try {
      ({ votes } = await this.#server.vote(requests));
    } catch (error) {
      const failure = this.#failureOf(error);
      votes = requests.map(() => failure);
    }
    const quarantine = this.#server.voting.untrusted();
    inTime.forEach((pending, at) => this.#answer(pending, votes[at]!, quarantine));
  }

  /** The requests to be sent. Votes at once on those that cannot be, or whose deadline has passed. */
  #toBeSent(batch: readonly PendingRequest[]): readonly PendingRequest[] {
    const absence = this.#server.voting.absence();
    const now = this.#settings.clock.now();
    return batch.filter(({ request, receiver, nodeIndex }) => {
      const obstacle = absence ?? (deadlineOf(request) < now ? LATE : undefined);
      if (obstacle !== undefined) receiver.receive(nodeIndex, obstacle);
      return obstacle === undefined;
    });
  }

  #failureOf(error: unknown): Failed {
    const { wasAnswered, message } = this.#server.failureOf(error);
    return failed(wasAnswered ? 'error' : 'disconnected', new Error(message));
  }

  #answer(pending: PendingRequest, vote: Vote, quarantine: Failed | undefined): void {
    const { request, receiver, nodeIndex } = pending;
    if (isMismatch(vote)) this.#lookSoon();
    if (isSentAgain(pending, vote, this.#settings.clock)) this.#requests.add({ ...pending, isSecond: true });
    else receiver.receive(nodeIndex, countedVote(request, vote, quarantine));
  }

  /** The node's lists of nodes have changed. One look at a time is enough. */
  #lookSoon(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#server.look().then(() => (this.#isLooking = false));
  }
}

const HEARS_NOTHING =
  'its notifications do not arrive, so waiters ask again and again: is a pooler in transaction mode in ' +
  'between? See docs/postgres.md';

const LATE = failed('late', new Error('the request was not sent before its deadline'));
const WITHDRAWN = failed('withdrawn', new Error('the node does not answer, and nothing was sent'));
