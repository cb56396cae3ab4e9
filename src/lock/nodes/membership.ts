import type { Membership as Snapshot } from '../../api/membership.js';
import type { LockEvents } from '../../api/lock-events.js';
import { setAttendedTimer, type Clock } from '../../clock.js';
import { everyNode, type Electorate } from '../../core/electorate.js';
import type { MemberList } from '../../core/membership/member-list.js';
import { listToVoteUnder } from '../../core/membership/choice.js';
import { MembershipKnowledge } from '../../core/membership/knowledge.js';
import { distanceOf } from '../../core/membership/nearest.js';
import { begunListIn, votesUnder, type MemberView } from '../../core/membership/view.js';
import { majorityOf } from '../../core/quorum.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodeState } from '../../node/node-state.js';
import { START_MS } from './bootstrap.js';
import { electorateOf, noList } from './electorate-of.js';
import { MembershipSync, type MembershipBasis, type MembershipSettings } from './membership-sync.js';
import { membershipOf } from './membership-snapshot.js';
import { keepsRecord, type NodeViews } from './node-views.js';
import { OwnList } from './own-list.js';
import { within } from './within.js';

/**
 * Which list of nodes this client votes under. It reads what the nodes have, decides, and has written what is
 * due. The rules are in core/membership/. Nothing that it decides is for ever: every look at a node may
 * change it.
 */
export class Membership implements MembershipBasis {
  readonly knowledge = new MembershipKnowledge();
  views: readonly MemberView[] = [];
  /** Grows whenever a node comes, goes or has another list, or this client votes under another one. */
  version = 0;
  readonly #ownList = new OwnList();
  readonly #stops: (() => void)[];
  readonly #keepsRecords: boolean;
  readonly #sync: MembershipSync;
  readonly #identified: (string | undefined)[];
  #electorate: Electorate;
  #list: MemberList | undefined;
  /** The views and the electorate as text, as they were when the version last grew. */
  #versioned = '';
  /** The snapshot that was told last, as text. */
  #told = '';
  #isClosed = false;
  #started: Promise<void> | undefined;
  #onStarted: (() => void) | undefined;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly nodeViews: NodeViews,
    private readonly clock: Clock,
    private readonly events: LockEvents,
    private readonly settings: MembershipSettings,
    random: () => number,
  ) {
    this.#keepsRecords = nodes.some(keepsRecord);
    this.#identified = nodes.map(() => undefined);
    this.#electorate = everyNode(nodes.length);
    this.#sync = new MembershipSync(nodes, nodeViews, clock, settings, random, this);
    this.#stops = nodes.map((node) => node.onStateChange(() => this.#onChange()));
    this.#onChange();
  }

  /** The nodes are being connected to: from now on the first acquisition may wait for a list. */
  begin(): void {
    if (!this.#keepsRecords) return;
    this.#started = new Promise((resolve) => {
      const timer = setAttendedTimer(this.clock, () => this.#onStarted?.(), START_MS, 'background');
      this.#onStarted = () => {
        timer.cancel();
        this.#onStarted = undefined;
        this.#started = undefined;
        resolve();
      };
    });
    this.#onChange();
  }

  /** Resolves when a list is known to vote under, or after two seconds; `undefined` once that is past. */
  get starting(): Promise<void> | undefined {
    return this.#started;
  }

  get current(): Electorate {
    return this.#electorate;
  }

  get mayChange(): boolean {
    return this.#ownList.mayChange;
  }

  get namesIds(): MemberList | undefined {
    return this.knowledge.latest ?? begunListIn(this.views);
  }

  /**
   * How many nodes would count in a vote now. As long as it waits for a list, those that are ready are taken
   * to.
   */
  get votingNodes(): number {
    const list = this.#list;
    const isWaiting = !this.#keepsRecords || this.#started !== undefined;
    return this.nodes.filter(({ state }, nodeIndex) => {
      if (state.status !== 'ready') return false;
      if (this.nodeViews.twinOf(nodeIndex) !== undefined) return false;
      return isWaiting || (list !== undefined && votesUnder(this.views[nodeIndex]!, list));
    }).length;
  }

  /** Why nodes that are ready do not vote. */
  get whyFewVote(): string {
    if (this.#list !== undefined)
      return 'not enough of them vote under the list of nodes that is in use, see docs/membership.md';
    const hindered = this.nodes.find(({ state }) => state.status === 'ready' && state.reason !== undefined);
    return noList(hindered && `node ${hindered.name}: ${hindered.state.reason}`);
  }

  /** The list in use, as users see it. */
  snapshot(): Snapshot {
    return membershipOf(this.nodes, this.views, this.knowledge, this.#list);
  }

  /**
   * Looks at the nodes again, because some do not vote under this list, and gives those the list that have
   * forgotten it. Takes `timeoutMs` at the longest. Never rejects.
   */
  async synchronize(timeoutMs: number): Promise<void> {
    if (this.#keepsRecords && !this.#isClosed) await within(this.clock, timeoutMs, this.#sync.synchronize());
  }

  /** The operator's word, see `LockManager.acceptMembers`. */
  async accept(): Promise<void> {
    if (!this.#keepsRecords) return;
    await this.#sync.accept();
    this.#onChange();
  }

  close(): void {
    this.#isClosed = true;
    this.#sync.close();
    this.#onStarted?.();
    for (const stop of this.#stops) stop();
  }

  read(): void {
    this.views = this.nodeViews.read(this.namesIds);
    this.knowledge.learn(this.views, this.clock.now());
    this.#ownList.learn(this.views, this.knowledge);
    this.#rememberIds();
    this.#list = listToVoteUnder(this.views, this.knowledge);
    this.#electorate = electorateOf(this.nodes, this.views, this.#list, (index) =>
      this.nodeViews.twinOf(index),
    );
    this.#updateVersion();
    if (this.#isLookedAt(this.#list) || this.#isHopeless()) this.#onStarted?.();
    this.#tell();
    this.settings.onChange?.();
  }

  #onChange(): void {
    if (!this.#keepsRecords) return;
    this.read();
    void this.#sync.act();
  }

  #updateVersion(): void {
    const nodes = this.views.map(({ id, isHere, isTrusted, record }) => [
      id,
      isHere,
      isTrusted,
      record?.list.id,
    ]);
    const text = [this.#electorate.listId, ...nodes].join(' ');
    if (text === this.#versioned) return;
    this.#versioned = text;
    this.version++;
  }

  /** A node that loses its memory gets the same id again, from whoever comes first. */
  #rememberIds(): void {
    this.nodes.forEach(({ memory }, nodeIndex) => {
      const id = this.nodeViews.idOf(nodeIndex, this.namesIds);
      if (id === undefined || this.#identified[nodeIndex] === id) return;
      if (this.nodeViews.twinOf(nodeIndex) !== undefined && !this.nodeViews.isCopy(nodeIndex)) return;
      this.#identified[nodeIndex] = id;
      void memory?.identify?.(id);
    });
  }

  /**
   * Whether the nodes that are ready have said who they are. If the list is far from the client's own,
   * another one may be nearer: then nodes that may still answer are waited for, too.
   */
  #isLookedAt(list: MemberList | undefined): boolean {
    if (list === undefined) return false;
    const isNear = distanceOf(list, this.views) <= 1;
    return this.nodes.every(({ state: { status } }, nodeIndex) => {
      const isTwin = this.nodeViews.twinOf(nodeIndex) !== undefined;
      const isWaitedFor = isNear ? status === 'ready' : MAY_ANSWER.has(status);
      return !isWaitedFor || isTwin || this.views[nodeIndex]?.isHere === true;
    });
  }

  /** Whether so many nodes are away that waiting for a list is in vain. */
  #isHopeless(): boolean {
    const mayStillAnswer = this.nodes.filter(({ state: { status } }) => MAY_ANSWER.has(status));
    return mayStillAnswer.length < majorityOf(this.nodes.length);
  }

  #tell(): void {
    if (this.settings.isObserver) return;
    const snapshot = this.snapshot();
    const text = JSON.stringify(snapshot);
    if (text === this.#told) return;
    this.#told = text;
    this.events.emit({ type: 'membership', membership: snapshot });
  }
}

const MAY_ANSWER: ReadonlySet<NodeState['status']> = new Set(['connecting', 'new', 'ready', 'untrusted']);
