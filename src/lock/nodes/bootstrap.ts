import type { Clock, Timer } from '../../clock.js';
import type { LockNode } from '../../node/lock-node.js';
import { ClockCheck } from './clock-check.js';

/** Between two looks at a node without a marker, so that another client that is marking them can finish. */
const SECOND_LOOK_MS = 500;
/** How long the first acquisition waits for the nodes to be known. */
const START_MS = 2_000;

/**
 * What only all nodes together can tell. A node without a marker is fresh, or has lost everything: if all of them are
 * without one, twice, nobody has ever locked here, and they are trusted at once; if another one has a marker, this one has
 * lost its memory. And a clock that stands apart from the others' was stepped, although this client did not see it.
 */
export class Bootstrap {
  readonly #clocks: ClockCheck;
  readonly #stops: (() => void)[];
  #timer: Timer | undefined;
  #newSince: number | undefined;
  /** Whether a node with a marker was ever seen: then nodes without one have lost their memory, be it all of them. */
  #used = false;
  #isStarting = true;
  #started: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly majority: number,
    private readonly quarantineMs: number,
  ) {
    this.#clocks = new ClockCheck(nodes, clock, majority);
    this.#stops = nodes.map((node) => node.onStateChange(() => this.#onChange()));
    this.#onChange();
    if (this.#isKnown()) this.#isStarting = false;
    else this.#started = this.#start();
  }

  /** Settles when the nodes are known well enough to be asked, or it has taken too long; `undefined` once that is past. */
  get starting(): Promise<void> | undefined {
    return this.#started;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
  }

  #isKnown(): boolean {
    const ready = this.nodes.filter(({ state }) => state.status === 'ready').length;
    return (ready >= this.majority && !this.#clocks.undecided) || this.#open() === 0;
  }

  /** How many nodes may still turn out to be there. */
  #open(): number {
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
      const timer = this.clock.setTimer(done, START_MS);
      const stops = this.nodes.map((node) =>
        node.onStateChange(() => {
          if (this.#isKnown()) done();
        }),
      );
    });
  }

  #onChange(): void {
    this.#used ||= this.nodes.some(({ state }) => state.status === 'ready' || state.status === 'untrusted');
    this.#watchNew();
    this.#clocks.look(this.#isStarting && this.#open() > 0);
  }

  #watchNew(): void {
    if (this.#closed || this.#timer !== undefined || !this.nodes.some(({ state }) => state.status === 'new'))
      return;
    this.#newSince ??= this.clock.now();
    const servers = this.nodes.map(({ state }) => state.serverId);
    const used = this.#used;
    const look = (): void => void this.#lookTwice(servers, used);
    this.#timer = this.clock.setTimer(look, SECOND_LOOK_MS, 'background');
  }

  async #lookTwice(servers: readonly (string | undefined)[], wasUsed: boolean): Promise<void> {
    await Promise.all(this.nodes.filter(({ state }) => state.status === 'new').map((node) => node.look()));
    this.#timer = undefined;
    const isNew = this.nodes.filter(({ state }) => state.status === 'new');
    const sameServers = this.nodes.every(({ state }, nodeIndex) => state.serverId === servers[nodeIndex]);
    // Where the others got their markers only since the first look, somebody is about to mark this one too.
    if (this.#used && wasUsed) await this.#conclude(isNew, 'quarantined');
    else if (isNew.length === this.nodes.length && sameServers) await this.#conclude(isNew, 'trusted');
    // Some node is away and may know more; but what these may have forgotten has expired by now.
    else if (this.clock.now() - (this.#newSince ?? 0) > this.quarantineMs)
      await this.#conclude(isNew, 'trusted');
    this.#watchNew();
  }

  async #conclude(nodes: readonly LockNode[], as: 'trusted' | 'quarantined'): Promise<void> {
    this.#newSince = undefined;
    await Promise.all(nodes.map((node) => node.admit(as)));
  }
}
