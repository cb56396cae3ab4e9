import type { Clock } from '../../clock.js';
import { majorityOf } from '../../core/quorum.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { Vote } from '../../core/vote.js';
import type { Asker, LockNode, NodeRequest, Waits } from '../../node/lock-node.js';
import { Arrears } from './hung-nodes.js';
import type { Claim } from './key-tracker.js';
import type { NodeVote } from '../../api/errors.js';
import type { LockEvents } from '../../api/events.js';
import { Gate } from './round-limiter.js';
import { GiveBack, NOTHING_GIVEN_BACK, type GivenBack, type Giving } from './release.js';
import type { Poll } from './poll.js';
import { Question, type Asking, type Op } from './quorum-call.js';
import { Timeouts } from './call-timeouts.js';

/** A lease whose keys are set again where they are gone. */
export interface Patient extends Asker {
  readonly isHeld: boolean;
}

interface Terms {
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number;
}

/** What an acquisition asks for, but for its holder and its seed. */
interface Wish extends Terms {
  readonly tick: number | undefined;
  readonly tokens: number;
  readonly waits: Waits | undefined;
}

/** So many acquire rounds at once keep the nodes busy, and none of them waits long for its turn. */
const ACQUIRE_ROUNDS = 512;

/** Asks all nodes at once and counts as the answers come. Nothing waits for a slow or dead minority. */
export class QuorumClient implements Asking, Giving {
  readonly majority: number;
  /** What acquire rounds pass before they begin. */
  readonly gate = new Gate(ACQUIRE_ROUNDS);
  readonly timeouts: Timeouts;
  readonly #givingBack: GiveBack;
  readonly arrears: Arrears;
  /** Claims whose acquire round is not over. */
  readonly #underWay = new Map<Claim, Terms>();

  constructor(
    readonly nodes: readonly LockNode[],
    readonly clock: Clock,
    private readonly events: LockEvents,
  ) {
    this.majority = majorityOf(nodes.length);
    this.timeouts = new Timeouts(clock);
    this.#givingBack = new GiveBack(this);
    this.arrears = new Arrears(nodes.length);
  }

  get listening(): boolean {
    return this.events.listening;
  }

  acquire(claim: Claim, wish: Wish, seed: number | undefined): Poll {
    const { resources, holderId } = claim;
    const { ttlMs, tick, tokens, waits } = wish;
    const sentAt = this.clock.now();
    const deadlineAt = sentAt + wish.nodeTimeoutMs;
    this.#underWay.set(claim, wish);
    return this.#askAll('acquire', claim, sentAt, {
      op: 'acquire',
      resources,
      holderId,
      ttlMs,
      deadlineAt,
      seed,
      tick,
      tokens,
      waits,
    });
  }

  /** Confirms on every node whose grant is in or still comes in; one whose counter is above the token never counts. */
  confirm(
    claim: Claim,
    acquired: Poll,
    terms: { token: number; tick: number | undefined; nodeTimeoutMs: number },
  ): Poll {
    const { resources, holderId } = claim;
    const { token, tick } = terms;
    const sentAt = this.clock.now();
    const deadlineAt = sentAt + terms.nodeTimeoutMs;
    const request = { op: 'confirm', resources, holderId, deadlineAt, token, tick } as const;
    const asked = new Set<number>();
    const question = new Question(this, 'confirm', claim, sentAt, deadlineAt, (member) => asked.has(member));
    acquired.forEachAnswer((member, vote) => {
      if (vote.kind !== 'granted') return question.answered(member, vote);
      const { counter } = vote;
      if (counter > token)
        return question.answered(member, { kind: 'refused', reason: 'superseded', counter });
      asked.add(member);
      this.nodes[member]!.ask(request, question, member);
    });
    return question.poll;
  }

  extend(
    claim: Claim,
    terms: Terms & { token: number | undefined; ceiling: number | undefined; validUntil: number },
  ): Poll {
    const { resources, holderId } = claim;
    const { ttlMs, token, ceiling } = terms;
    // Past the end of validity an extension could only bring back what others may have by now.
    const sentAt = this.clock.now();
    const deadlineAt = Math.min(sentAt + terms.nodeTimeoutMs, terms.validUntil);
    const request = { op: 'extend', resources, holderId, ttlMs, deadlineAt, token, ceiling } as const;
    return this.#askAll('extend', claim, sentAt, request);
  }

  /**
   * Sets the keys again on nodes that refused an extension as `absent`, while the lease is valid and a majority may still
   * have its keys: so nobody else has won the resource, and a counter that is ahead there comes from a claimant that was
   * granted this node and lost. Without this a node that lost its data, or missed the acquisition, would never help a lease
   * that others keep asking for. The patient hears what an extension gets there afterwards: the counter, where it is above the
   * ceiling.
   */
  heal(
    claim: Claim,
    extension: Poll,
    terms: Terms & { token: number; ceiling: number; validUntil: number },
    patient: Patient,
  ): void {
    extension.forEachAnswer((absent, vote) => {
      if (vote.kind !== 'refused' || vote.reason !== 'absent' || !patient.isHeld) return;
      const { resources, holderId } = claim;
      const { ttlMs, token, ceiling } = terms;
      const node = this.nodes[absent]!;
      const deadlineAt = Math.min(this.clock.now() + terms.nodeTimeoutMs, terms.validUntil);
      const request = { op: 'extend', resources, holderId, ttlMs, deadlineAt, ceiling } as const;
      claim.sent(absent);
      const set: Asker = { answered: (member, answer) => claim.answered(member, answer, deadlineAt) };
      node.ask({ ...request, token: Number.MAX_SAFE_INTEGER }, set, absent);
      node.ask({ ...request, token }, patient, absent);
    });
  }

  /**
   * Takes the claim off every node where it may be. Resolves once `enough` nodes have said that it is off, or at the node
   * timeout; the others are seen to in the background, until their keys have expired. Never rejects.
   */
  giveBack(
    claim: Claim,
    terms: Terms & { keepMs: number; enough: number; waits?: Waits | undefined },
  ): Promise<GivenBack> {
    const { ttlMs, nodeTimeoutMs, keepMs, enough, waits } = terms;
    // A minimum hold is to be kept by as many nodes as possible.
    if (keepMs === 0) this.#withdraw(claim);
    if (!claim.mayBeThere) return Promise.resolve(NOTHING_GIVEN_BACK);
    const calledAt = this.clock.now();
    const dueAt = calledAt + nodeTimeoutMs;
    const keepUntil = calledAt + keepMs;
    // What was sent up to now is carried out by the node timeout at the latest, and has expired, whatever the clocks do,
    // two TTLs later.
    const expiredAt = dueAt + 2 * Math.max(ttlMs, keepMs);
    return new Promise((resolve) => {
      this.#givingBack.begin({ claim, calledAt, dueAt, keepUntil, expiredAt, enough, waits }, resolve);
    });
  }

  #withdraw(claim: Claim): void {
    for (let member = 0; member < this.nodes.length; member++) {
      if (claim.isAsked(member)) this.nodes[member]!.withdraw(claim.holderId);
    }
  }

  /** To be told when the acquire round for a claim is over, and somebody else answers for it. */
  decided(claim: Claim): void {
    this.#underWay.delete(claim);
  }

  /**
   * Takes back what acquire rounds that are not over may have written: the release follows their requests on the same connection,
   * so that a node that carries out the ones carries out the other.
   */
  abandon(): void {
    for (const [claim, { ttlMs, nodeTimeoutMs }] of this.#underWay) {
      void this.giveBack(claim, { ttlMs, nodeTimeoutMs, keepMs: 0, enough: 0 });
    }
  }

  /** Resolves when nothing is being given back any more, after `timeoutMs` at the latest. */
  async settled(timeoutMs: number): Promise<void> {
    await this.#givingBack.settled(timeoutMs);
  }

  /** The votes of a round without those of nodes that may have forgotten: that a key is not on them tells nothing. */
  withoutUntrusted({ votes }: VoteTally): (Vote | undefined)[] {
    return votes.map((vote, member) => (this.nodes[member]!.state.status === 'untrusted' ? undefined : vote));
  }

  /** The votes of a round with the names of the nodes, as errors show them. */
  named(tally: VoteTally): NodeVote[] {
    return this.nodes.map((node, member) => ({ node: node.name, vote: tally.votes[member] }));
  }

  /** Puts one request to all nodes. */
  #askAll(
    op: Op,
    claim: Claim,
    sentAt: number,
    request: NodeRequest & { readonly deadlineAt: number },
  ): Poll {
    const question = new Question(this, op, claim, sentAt, request.deadlineAt);
    for (let member = 0; member < this.nodes.length; member++) {
      this.nodes[member]!.ask(request, question, member);
    }
    return question.poll;
  }

  report(node: LockNode, op: Op, vote: Vote, sentAt: number): void {
    if (!this.listening) return;
    this.events.emit({
      type: 'vote',
      node: node.name,
      op,
      vote: vote.kind === 'granted' ? 'granted' : vote.reason,
      durationMs: this.clock.now() - sentAt,
    });
  }
}
