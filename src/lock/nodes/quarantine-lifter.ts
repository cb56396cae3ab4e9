import { setAttendedTimer, type Clock, type Timer } from '../../clock.js';
import {
  mayAskOthers,
  LONGEST_NODE_TIMEOUT_MS,
  overAt,
  ASK_OTHERS_AFTER_MS,
  type MemoryReport,
  type Witness,
} from '../../core/quarantine.js';
import { driftMsOf } from '../../core/validity.js';
import type { Electorate } from '../../core/electorate.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodeMemory } from '../../node/node-memory.js';

/**
 * How soon a node that did not answer, or others that could not tell, are looked at again, in milliseconds.
 */
const LOOK_AGAIN_MS = 1_000;
/** How often the others are asked again while a lease is out: it may be released early. */
const ASK_AGAIN_MS = 5_000;

type Liftable = NodeMemory & Required<Pick<NodeMemory, 'lift'>>;

/**
 * Ends the quarantines of nodes that lost their memory, as soon as enough others tell that all is over for
 * which such a node may have voted. See `overAt` in core/quarantine.ts for the rule, and docs/safety.md for
 * the reasons. Any client may do it for all; where none can, a quarantine ends by itself.
 */
export class QuarantineLifter {
  readonly #stops: readonly (() => void)[];
  /** The nodes that are being seen to. */
  readonly #busy = new Set<LockNode>();
  readonly #naps = new Set<{ readonly timer: Timer; readonly end: () => void }>();
  #isClosed = false;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly membership: { readonly current: Electorate },
    private readonly driftFactor: number,
  ) {
    this.#stops = nodes.map((node) => node.onStateChange(() => this.#onChange(node)));
    for (const node of nodes) this.#onChange(node);
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
    for (const { timer, end } of [...this.#naps]) {
      timer.cancel();
      end();
    }
  }

  #onChange(node: LockNode): void {
    const { memory } = node;
    if (!this.#mayGoOn(node) || this.#busy.has(node) || memory?.lift === undefined) return;
    this.#busy.add(node);
    void this.#seeTo(node, memory as Liftable).then((isOver) => {
      this.#busy.delete(node);
      // It may have lost its memory again between the last look and now.
      if (isOver) this.#onChange(node);
    });
  }

  #mayGoOn(node: LockNode): boolean {
    return !this.#isClosed && node.state.status === 'untrusted';
  }

  /** `false`: the node votes for others. This client alone has a quarantine for it, which ends by itself. */
  async #seeTo(node: LockNode, memory: Liftable): Promise<boolean> {
    /**
     * When all is over that this memory has forgotten. What each look at the others allows is right by
     * itself.
     */
    let over: { readonly memory: string; readonly at: number } | undefined;
    while (this.#mayGoOn(node)) {
      const report = await this.#look(memory);
      if (!this.#mayGoOn(node)) return true;
      if (report === undefined) {
        await this.#nap(LOOK_AGAIN_MS);
        continue;
      }
      if (report.leftMs === 0) return false;
      if (report.memory !== over?.memory) over = undefined;
      if (!mayAskOthers(report)) {
        const leftMs = ASK_OTHERS_AFTER_MS - report.ageMs;
        await this.#nap(leftMs + driftMsOf(leftMs, this.driftFactor));
        continue;
      }
      const at = await this.#overAt(node);
      if (at !== undefined) over = { memory: report.memory, at: Math.min(at, over?.at ?? at) };
      const leftMs = over === undefined ? LOOK_AGAIN_MS : over.at - this.clock.now();
      if (leftMs > 0) {
        await this.#nap(Math.min(leftMs, ASK_AGAIN_MS));
        if (over === undefined || over.at > this.clock.now()) continue;
      }
      if (!this.#mayGoOn(node)) return true;
      await memory.lift(report.memory);
      if (this.#mayGoOn(node)) await this.#nap(LOOK_AGAIN_MS);
    }
    return true;
  }

  /**
   * When all is over for which the node may have voted, as far as the others can tell; `undefined` if too few
   * can. Every round that counted the node's vote had a majority of the list in use, or of one that is one
   * node away from it, so a majority of the list has met it.
   */
  async #overAt(node: LockNode): Promise<number | undefined> {
    const electorate = this.membership.current;
    const witnesses = await this.#askOthers(node, electorate);
    // The list may have changed meanwhile.
    if (this.membership.current.listId !== electorate.listId) return undefined;
    return overAt(witnesses, electorate.majority, this.driftFactor);
  }

  async #askOthers(node: LockNode, { listId, exclusions }: Electorate): Promise<readonly Witness[]> {
    const reports = this.nodes.map(async (other, nodeIndex) => {
      if (other === node || other.memory === undefined || exclusions[nodeIndex] !== undefined) return [];
      const report = await this.#look(other.memory);
      if (!votesUnder(other, listId)) return [];
      return report === undefined ? [] : [{ ...report, receivedAt: this.clock.now() }];
    });
    return (await Promise.all(reports)).flat();
  }

  /** A node that hangs must not hold up the others. */
  #look(memory: NodeMemory): Promise<MemoryReport | undefined> {
    return new Promise((resolve) => {
      const timer = setAttendedTimer(
        this.clock,
        () => resolve(undefined),
        LONGEST_NODE_TIMEOUT_MS,
        'background',
      );
      void memory.look().then((report) => {
        timer.cancel();
        resolve(report);
      });
    });
  }

  #nap(delayMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#naps.delete(nap);
        resolve();
      };
      const nap = { timer: this.clock.setTimer(end, delayMs, 'background'), end };
      this.#naps.add(nap);
    });
  }
}

/** Whether the node votes under this list, as it was last seen. */
function votesUnder({ memory, state }: LockNode, listId: string): boolean {
  if (memory?.writeRecord === undefined || listId === '') return true;
  const { list, previous } = state.record?.pair ?? {};
  return list?.id === listId || previous?.id === listId;
}
