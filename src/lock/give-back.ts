import type { Clock } from '../clock.js';
import { failed, type Vote } from '../core/vote.js';
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
  readonly #open = new Set<Promise<void>>();

  constructor(private readonly clock: Clock) {}

  /** Releases at once and tells the first answer; goes on until the debt is paid. */
  start(debt: Debt, first: (vote: Vote) => void): void {
    const paid = this.#pay(debt, first).finally(() => this.#open.delete(paid));
    this.#open.add(paid);
  }

  async settled(timeoutMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(resolve, timeoutMs);
      void Promise.all(this.#open).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #pay(debt: Debt, first: (vote: Vote) => void): Promise<void> {
    const { node, member, claim, expiredAt } = debt;
    for (let attempt = 0; ; attempt++) {
      const vote = await this.#release(debt);
      if (attempt === 0) first(vote);
      const now = this.clock.now();
      const paid = vote.kind !== 'failed' && claim.isSettled(member, now);
      if (paid || now >= expiredAt || node.state.status === 'closed') return;
      await this.#pause(node);
    }
  }

  async #release({ node, claim, keepUntil }: Debt): Promise<Vote> {
    const { resources, holderId } = claim;
    const keepMs = Math.max(0, keepUntil - this.clock.now());
    const [vote] = await node.release([{ resources, holderId, keepMs }]);
    return vote ?? failed('error', new Error('the node did not vote'));
  }

  /** Until the node's state changes, or a moment has passed. Nobody waits for it, so it keeps no process alive. */
  #pause(node: LockNode): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        stop();
        resolve();
      };
      const timer = this.clock.setTimer(done, RETRY_MS, 'background');
      const stop = node.onStateChange(done);
    });
  }
}
