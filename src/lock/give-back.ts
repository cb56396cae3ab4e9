import type { Clock } from '../clock.js';
import type { Vote } from '../core/vote.js';
import type { LockNode, ReleaseRequest, Waits } from '../node/lock-node.js';
import type { Claim } from './claim.js';

/** What is to be taken back from all nodes where it may be. */
export interface Debt {
  readonly claim: Claim;
  /** Minimum hold: until then the keys stay, shortened. */
  readonly keepUntil: number;
  /** When the keys have expired by themselves. */
  readonly expiredAt: number;
  /** Who goes on the list of those who wait there. */
  readonly waits: Waits | undefined;
  /** Hears the first answer of each node. */
  readonly first: (node: LockNode, vote: Vote) => void;
}

const RETRY_MS = 250;

/**
 * The owner of what is left on nodes, to the end: of late grants, of lost replies, of nodes that cannot be reached now.
 * A debt is paid when the node answered a release that nothing sent before can follow, or when the keys have expired.
 */
export class GiveBack {
  #open = 0;
  readonly #onSettled = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** Asks these members to release, and goes on until the debt is paid. */
  start(nodes: readonly LockNode[], members: readonly number[], debt: Debt): void {
    this.#open += members.length;
    // The same words for all: most of the work of a request is done once.
    const request = this.#request(debt, debt.waits);
    for (const member of members) {
      const node = nodes[member]!;
      node.ask(request, (vote) => {
        debt.first(node, vote);
        this.#goOn(node, member, debt, vote);
      });
    }
  }

  async settled(timeoutMs: number): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#onSettled.delete(done);
        resolve();
      };
      const timer = this.clock.setTimer(done, timeoutMs);
      this.#onSettled.add(done);
    });
  }

  #goOn(node: LockNode, member: number, debt: Debt, vote: Vote): void {
    const now = this.clock.now();
    // Where nothing was ever sent there is nothing to be taken back.
    const isOff = vote.kind !== 'failed' || !debt.claim.mayHoldTheKey(member);
    const paid = isOff && debt.claim.isSettled(member, now);
    if (!paid && now < debt.expiredAt && node.state.status !== 'closed') {
      const again = (): void => node.ask(this.#request(debt), (next) => this.#goOn(node, member, debt, next));
      this.#later(node, again);
    } else if (--this.#open === 0) {
      for (const settled of [...this.#onSettled]) settled();
    }
  }

  #request({ claim: { resources, holderId }, keepUntil }: Debt, waits?: Waits): ReleaseRequest {
    return { op: 'release', resources, holderId, keepMs: Math.max(0, keepUntil - this.clock.now()), waits };
  }

  /** When the node's state changes, or a moment has passed. Nobody waits for it, so it keeps no process alive. */
  #later(node: LockNode, then: () => void): void {
    const done = (): void => {
      timer.cancel();
      stop();
      then();
    };
    const timer = this.clock.setTimer(done, RETRY_MS, 'background');
    const stop = node.onStateChange(done);
  }
}
