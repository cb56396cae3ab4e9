import type { Electorate } from '../../core/electorate.js';
import type { RunMark } from '../../core/run.js';
import type { Vote } from '../../core/vote.js';

/**
 * For how long the end of a run is sent again to nodes that have not answered, in milliseconds. It matters as
 * long as somebody may run the tick again, because its start is on record and its end is not. A day is longer
 * than ticks are run late, and than a process keeps what it knows of its runs. Little has to be sent: while a
 * majority does not answer, no run begins, so only the runs that were under way then wait for the nodes.
 */
export const FINISH_FOR_MS = 24 * 3_600_000;

/**
 * The end of a run on its way to the nodes, until a majority has it on record. Then no later majority grants
 * the tick again.
 */
export class PendingFinish {
  /** The nodes that have it on record, and those that never will. */
  readonly #recorded = new Set<number>();
  readonly #refused = new Set<number>();
  readonly #mostRefusals: number;
  #isOver = false;

  constructor(
    readonly mark: RunMark,
    nodeCount: number,
    /** The nodes that count when the run ends. */
    private readonly electorate: Electorate,
    /** On the monotonic clock. */
    private readonly until: number,
    private readonly onEnd: (recorded: boolean) => void,
  ) {
    const excluded = electorate.exclusions.filter((exclusion) => exclusion !== undefined).length;
    this.#mostRefusals = nodeCount - excluded - electorate.majority;
  }

  /** Takes a node's answer to the release that carries it. A node in quarantine acknowledges nothing. */
  answered(nodeIndex: number, vote: Vote, now: number): void {
    const counts = this.electorate.exclusions[nodeIndex] === undefined;
    if (counts && vote.kind !== 'failed' && !(vote.kind === 'refused' && vote.untrusted)) {
      if (vote.recorded === true) this.#recorded.add(nodeIndex);
      else this.#refused.add(nodeIndex);
    }
    if (this.#recorded.size >= this.electorate.majority) this.#end(true);
    else if (this.#refused.size > this.#mostRefusals || now >= this.until) this.#end(false);
  }

  /** The node is closed: it is not asked again. */
  closed(nodeIndex: number): void {
    if (this.#recorded.has(nodeIndex) || this.electorate.exclusions[nodeIndex] !== undefined) return;
    this.#refused.add(nodeIndex);
    if (this.#refused.size > this.#mostRefusals) this.#end(false);
  }

  /** Whether the node is to be asked again. */
  isWaitingFor(nodeIndex: number): boolean {
    const counts = this.electorate.exclusions[nodeIndex] === undefined;
    return counts && !this.#isOver && !this.#recorded.has(nodeIndex) && !this.#refused.has(nodeIndex);
  }

  #end(recorded: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onEnd(recorded);
  }
}
