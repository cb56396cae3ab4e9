import { setAttendedTimer, type Clock, type Timer } from '../../clock.js';
import type { QuarantineTerm } from '../../core/quarantine.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodeMemory } from '../../node/node-memory.js';
import { ClockCheck } from './clock-check.js';

/**
 * Between two looks at a node without a marker, so that another client that is marking the nodes can finish.
 */
const SECOND_LOOK_MS = 500;
/** How long the first acquisition waits until the nodes are known, and their list. */
export const START_MS = 2_000;

type NodeWithMemory = LockNode & { readonly memory: NodeMemory };

/**
 * Decides what only all nodes together can tell.
 *
 * A node without a marker is fresh, or has lost everything. If all nodes are without one at two looks, nobody
 * has ever locked here, and they are trusted at once. If another node has a marker, this one has lost its
 * memory. A node that cannot lose its memory has no marker and tells nothing about this: where such nodes
 * leave the others without a majority, a fresh node counts as one that lost its memory, which costs no vote
 * that the majority needs.
 *
 * A clock that stands apart from those of a majority was stepped, although this client did not see it.
 */
export class Bootstrap {
  readonly #clocks: ClockCheck;
  readonly #stops: (() => void)[];
  /** The nodes that can lose their memory. */
  readonly #withMemory: readonly NodeWithMemory[];
  #timer: Timer | undefined;
  /** Since when there have been nodes without a marker. */
  #newSince: number | undefined;
  /**
   * Whether a node without a marker must have lost its memory, because another one has a marker or had one.
   */
  #isUsed: boolean;
  #isStarting = true;
  #started: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly majority: number,
    private readonly quarantine: QuarantineTerm,
  ) {
    this.#clocks = new ClockCheck(nodes, clock, majority);
    this.#withMemory = nodes.filter((node): node is NodeWithMemory => node.memory !== undefined);
    this.#isUsed = this.#withMemory.length < majority;
    this.#stops = nodes.map((node) => node.onStateChange(() => this.#onChange()));
    this.#onChange();
    if (this.#isKnown()) this.#isStarting = false;
    else this.#started = this.#start();
  }

  /**
   * Resolves when the nodes are known well enough to be asked, or after `START_MS`; `undefined` once that is
   * past.
   */
  get starting(): Promise<void> | undefined {
    return this.#started;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
  }

  #isKnown(): boolean {
    const ready = this.nodes.filter(({ state }) => state.status === 'ready').length;
    return (ready >= this.majority && !this.#clocks.undecided) || this.#expected() === 0;
  }

  /** How many nodes may still turn out to be there. */
  #expected(): number {
    return this.nodes.filter(({ state }) => state.status === 'connecting' || state.status === 'new').length;
  }

  #start(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        for (const stop of stops) stop();
        this.#started = undefined;
        this.#isStarting = false;
        this.#clocks.look(false);
        resolve();
      };
      const timer = setAttendedTimer(this.clock, done, START_MS);
      const stops = this.nodes.map((node) =>
        node.onStateChange(() => {
          if (this.#isKnown()) done();
        }),
      );
    });
  }

  #onChange(): void {
    this.#isUsed ||= this.#withMemory.some(
      ({ state }) => state.status === 'ready' || state.status === 'untrusted',
    );
    if (this.#fresh().length === 0) this.#newSince = undefined;
    this.#watchNew();
    this.#clocks.look(this.#isStarting && this.#expected() > 0);
  }

  #watchNew(): void {
    if (this.#isClosed || this.#timer !== undefined || this.#fresh().length === 0) return;
    this.#newSince ??= this.clock.now();
    const servers = this.nodes.map(({ state }) => state.serverId);
    const wasUsed = this.#isUsed;
    const look = (): void => void this.#secondLook(servers, wasUsed);
    this.#timer = this.clock.setTimer(look, SECOND_LOOK_MS, 'background');
  }

  async #secondLook(servers: readonly (string | undefined)[], wasUsed: boolean): Promise<void> {
    await Promise.all(this.#fresh().map(({ memory }) => memory.look()));
    this.#timer = undefined;
    const fresh = this.#fresh();
    const newForMs = this.clock.now() - (this.#newSince ?? this.clock.now());
    const isSameServers = this.nodes.every(({ state }, nodeIndex) => state.serverId === servers[nodeIndex]);
    // If the others got their markers only since the first look, another client is about to mark this one.
    if (this.#isUsed && wasUsed) await this.#recordLoss(fresh);
    else if (fresh.length === this.#withMemory.length && isSameServers) await this.#trust(fresh);
    // A node is away for longer than others may wait for it, and may know more. This client cannot vouch for
    // the time between its looks: another one may have used these nodes, and they have forgotten it since.
    else if (!this.#isUsed && newForMs > this.quarantine.ms) await this.#recordLoss(fresh);
    this.#watchNew();
  }

  /** The nodes without a marker. */
  #fresh(): readonly NodeWithMemory[] {
    return this.#withMemory.filter(({ state }) => state.status === 'new');
  }

  async #trust(nodes: readonly NodeWithMemory[]): Promise<void> {
    await Promise.all(nodes.map(({ memory }) => memory.trust()));
  }

  async #recordLoss(nodes: readonly NodeWithMemory[]): Promise<void> {
    await Promise.all(nodes.map(({ memory }) => memory.recordLoss()));
  }
}
