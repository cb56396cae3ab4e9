import type { Clock } from '../../clock.js';
import type { Vote } from '../../core/vote.js';
import type { Asker, LockNode, ReleaseRequest, Waits } from '../../node/lock-node.js';
import type { Claim } from './key-tracker.js';
import type { Timed, Timeout, Timeouts } from './call-timeouts.js';

/** How many nodes said that the keys are gone, and whether any of them told somebody who waits. */
export interface GivenBack {
  readonly acknowledged: number;
  readonly isTold: boolean;
}

export const NOTHING_GIVEN_BACK: GivenBack = { acknowledged: 0, isTold: false };

/** What is to be taken back from all nodes where it may be. */
export interface Debt {
  readonly claim: Claim;
  readonly calledAt: number;
  /** Until then an answer of the nodes is waited for. */
  readonly dueAt: number;
  /** Minimum hold: until then the keys stay, shortened. */
  readonly keepUntil: number;
  /** When the keys have expired by themselves. */
  readonly expiredAt: number;
  /** How many nodes are enough for whoever waits. */
  readonly enough: number;
  /** Who goes on the list of those who wait there. */
  readonly waits: Waits | undefined;
}

/** What all debts to the same nodes have in common. */
export interface Giving {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly nodes: readonly LockNode[];
  report(node: LockNode, op: 'release', vote: Vote, calledAt: number): void;
}

const RETRY_MS = 250;

/**
 * The owner of what is left on nodes, to the end: of late grants, of lost replies, of nodes that cannot be reached now.
 * A debt is paid when the node answered a release that nothing sent before can follow, or when the keys have expired.
 */
export class GiveBack {
  #open = 0;
  readonly #onSettled = new Set<() => void>();

  constructor(readonly giving: Giving) {}

  /** Asks the nodes to release; `heard` is called once, when enough have or nothing more is to be heard in time. */
  begin(debt: Debt, heard: (given: GivenBack) => void): void {
    new Repayment(this, debt, heard).begin();
  }

  async settled(timeoutMs: number): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#onSettled.delete(done);
        resolve();
      };
      const timer = this.giving.clock.setTimer(done, timeoutMs);
      this.#onSettled.add(done);
    });
  }

  opened(nodes: number): void {
    this.#open += nodes;
  }

  paid(): void {
    if (--this.#open === 0) for (const settled of [...this.#onSettled]) settled();
  }
}

/** One debt while it is being paid. */
class Repayment implements Asker, Timed {
  #acknowledged = 0;
  #isTold = false;
  /** How many nodes have not given their first answer. */
  #outstanding = 0;
  #timeout: Timeout | undefined;
  /** Who has given its first answer and is asked again. */
  #again: Set<number> | undefined;

  constructor(
    private readonly owner: GiveBack,
    private readonly debt: Debt,
    private readonly heard: (given: GivenBack) => void,
  ) {}

  begin(): void {
    const { timeouts, nodes } = this.owner.giving;
    const { claim, dueAt, waits } = this.debt;
    this.#timeout = timeouts.begin(this, dueAt);
    for (let member = 0; member < nodes.length; member++)
      if (claim.mayHoldTheKey(member)) this.#outstanding++;
    this.owner.opened(this.#outstanding);
    // The same words for all: most of the work of a request is done once.
    const request = this.#request(waits);
    for (let member = 0; member < nodes.length; member++) {
      if (claim.mayHoldTheKey(member)) nodes[member]!.ask(request, this, member);
    }
    this.#tell();
  }

  answered(member: number, vote: Vote): void {
    if (this.#again?.has(member) !== true) this.#first(member, vote);
    const { clock, nodes } = this.owner.giving;
    const { claim, expiredAt } = this.debt;
    const now = clock.now();
    const node = nodes[member]!;
    // Where nothing was ever sent there is nothing to be taken back.
    const isOff = vote.kind !== 'failed' || !claim.mayHoldTheKey(member);
    const isPaid = isOff && claim.isSettled(member, now);
    if (isPaid || now >= expiredAt || node.state.status === 'closed') return this.owner.paid();
    this.#again ??= new Set<number>();
    this.#again.add(member);
    this.#later(node, () => node.ask(this.#request(undefined), this, member));
  }

  timeOut(): void {
    this.#end();
  }

  #first(member: number, vote: Vote): void {
    const { giving } = this.owner;
    giving.report(giving.nodes[member]!, 'release', vote, this.debt.calledAt);
    this.#outstanding--;
    if (vote.kind !== 'failed') this.#acknowledged++;
    if (vote.kind === 'granted' && vote.waiting !== undefined) this.#isTold = true;
    this.#tell();
  }

  #tell(): void {
    if (this.#acknowledged < this.debt.enough && this.#outstanding > 0) return;
    this.#timeout?.end();
    this.#end();
  }

  #end(): void {
    if (this.#timeout === undefined) return;
    this.#timeout = undefined;
    this.heard({ acknowledged: this.#acknowledged, isTold: this.#isTold });
  }

  #request(waits: Waits | undefined): ReleaseRequest {
    const { claim, keepUntil } = this.debt;
    const { resources, holderId } = claim;
    const keepMs = Math.max(0, keepUntil - this.owner.giving.clock.now());
    return { op: 'release', resources, holderId, keepMs, waits };
  }

  /** When the node's state changes, or a moment has passed. Nobody waits for it, so it keeps no process alive. */
  #later(node: LockNode, then: () => void): void {
    const done = (): void => {
      timer.cancel();
      stop();
      then();
    };
    const timer = this.owner.giving.clock.setTimer(done, RETRY_MS, 'background');
    const stop = node.onStateChange(done);
  }
}
