import type { Clock } from '../clock.js';
import type { Vote } from '../core/vote.js';
import type { LockNode } from '../node/lock-node.js';
import type { Claim } from './claim.js';

interface Debt {
  readonly node: LockNode;
  readonly member: number;
  readonly claim: Claim;
  /** Minimum hold: until then the key stays, shortened. */
  readonly keepUntil: number;
  /** When the keys have expired by themselves. */
  readonly expiredAt: number;
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

  /** Releases at once and tells the first answer; goes on until the debt is paid. */
  start(debt: Debt, first: (vote: Vote) => void): void {
    this.#open++;
    this.#release(debt, (vote) => {
      first(vote);
      this.#goOn(debt, vote);
    });
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

  #goOn(debt: Debt, vote: Vote): void {
    const { node, member, claim, expiredAt } = debt;
    const now = this.clock.now();
    const paid = vote.kind !== 'failed' && claim.isSettled(member, now);
    if (!paid && now < expiredAt && node.state.status !== 'closed') {
      this.#later(node, () => this.#release(debt, (next) => this.#goOn(debt, next)));
    } else if (--this.#open === 0) {
      for (const settled of [...this.#onSettled]) settled();
    }
  }

  #release({ node, claim, keepUntil }: Debt, answered: (vote: Vote) => void): void {
    const { resources, holderId } = claim;
    const keepMs = Math.max(0, keepUntil - this.clock.now());
    node.ask({ op: 'release', resources, holderId, keepMs }, answered);
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
