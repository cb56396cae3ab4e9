import type { Clock } from '../../clock.js';
import { failed, type Failed, type Vote } from '../../core/vote.js';
import type { VoteReceiver } from '../lock-node.js';
import type { NodeRequest } from '../node-request.js';
import { countedVote, deadlineOf, isMismatch, isSentAgain, mustArrive } from './counted-vote.js';
import { RequestBatcher, type Send, type UnderWay } from './request-batcher.js';
import type { VotingState } from './voting-state.js';

/** A request on its way, and the receiver of its vote. */
export interface PendingRequest {
  readonly request: NodeRequest;
  readonly weight: number;
  readonly receiver: VoteReceiver;
  readonly nodeIndex: number;
  /** Whether it was late before, see `isSentAgain`. */
  readonly isSecond: boolean;
}

/** The server that the requests go to, as far as their votes depend on it. */
interface Server {
  readonly voting: Pick<VotingState, 'absence'>;
  /** Reads the node's lists of nodes anew. */
  look(): Promise<unknown>;
}

/** The requests of a node to a server: they are gathered into batches, and each gets one vote. */
export class PendingRequests<Pending extends PendingRequest> {
  readonly #batches: RequestBatcher<Pending>;
  #isLooking = false;

  constructor(
    private readonly clock: Pick<Clock, 'afterTurn' | 'now'>,
    private readonly server: Server,
    send: Send<Pending>,
    mostUnderWay?: UnderWay,
  ) {
    this.#batches = new RequestBatcher(clock, send, mostUnderWay);
  }

  add(pending: Pending): void {
    this.#batches.add(pending);
  }

  withdraw(holderId: string): void {
    // Nearly always: then not even the function is made.
    if (!this.#batches.isStalled) return;
    const isUnneeded = ({ request }: Pending): boolean =>
      request.holderId === holderId && !mustArrive(request);
    for (const { receiver, nodeIndex } of this.#batches.withdraw(isUnneeded))
      receiver.receive(nodeIndex, WITHDRAWN);
  }

  /**
   * The requests to be sent. Votes at once on the others: those without a connection, and those whose
   * deadline has passed while they waited for other requests or for the connection.
   */
  toBeSent(batch: readonly Pending[], now: number = this.clock.now()): readonly Pending[] {
    const absence = this.server.voting.absence();
    const isLate = ({ request }: Pending): boolean => deadlineOf(request) < now;
    if (absence === undefined && !batch.some(isLate)) return batch;
    return batch.filter((pending) => {
      const obstacle = absence ?? (isLate(pending) ? LATE : undefined);
      if (obstacle !== undefined) pending.receiver.receive(pending.nodeIndex, obstacle);
      return obstacle === undefined;
    });
  }

  /** `quarantine`: what takes the place of a grant that does not count, if there is such a reason now. */
  answer(pending: Pending, vote: Vote, quarantine: Failed | undefined): void {
    const { request, receiver, nodeIndex } = pending;
    if (isMismatch(vote)) this.#lookSoon();
    if (isSentAgain(pending, vote, this.clock)) this.#batches.add({ ...pending, isSecond: true });
    else receiver.receive(nodeIndex, countedVote(request, vote, quarantine));
  }

  /** The node's lists of nodes have changed. One look at a time is enough. */
  #lookSoon(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.server.look().then(() => (this.#isLooking = false));
  }
}

const LATE = failed('late', new Error('the request was not sent before its deadline'));
const WITHDRAWN = failed('withdrawn', new Error('the node does not answer, and nothing was sent'));
