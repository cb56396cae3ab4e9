import { createHash, randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../clock.js';
import { areSameMembers, isMember, type MemberList } from '../../core/membership/member-list.js';
import { isToBeRepeated } from '../../core/membership/change.js';
import { listAheadOf } from '../../core/membership/choice.js';
import type { MembershipKnowledge } from '../../core/membership/knowledge.js';
import { distanceOf } from '../../core/membership/nearest.js';
import { planAcceptance, planWrites } from '../../core/membership/plan.js';
import type { DueWrite } from '../../core/membership/write.js';
import { isHere, ownMembersOf, type MemberView } from '../../core/membership/view.js';
import { majorityOf } from '../../core/quorum.js';
import type { LockNode } from '../../node/lock-node.js';
import { MembershipWarnings } from './membership-warnings.js';
import type { NodeViews } from './node-views.js';
import { within } from './within.js';

/** What it goes by. Its parts change whenever a node tells something. */
export interface MembershipBasis {
  readonly views: readonly MemberView[];
  readonly knowledge: MembershipKnowledge;
  /** Whether this client may still ask for its own list. */
  readonly mayChange: boolean;
  /** The list that says which id belongs to which address: the latest one, or a first list that is begun. */
  readonly namesIds: MemberList | undefined;
  /** Grows with every change of the views that matters. */
  readonly version: number;
  /** Makes the views anew from what the nodes have told. */
  read(): void;
}

export interface MembershipSettings {
  readonly maxTtlMs: number;
  readonly warn: (message: string) => void;
  /** Writes nothing: another part of the process does. */
  readonly isObserver: boolean;
  /** Called whenever the nodes were read. */
  readonly onChange?: () => void;
}

/** How long a node may take for a look or a write. */
const NODE_MS = 1_000;
/** How soon the nodes are looked at again while something is under way; later more seldom. */
const SOON_MS = 1_000;
const LATER_MS = 5_000;
/** How long something may be under way before it is looked at more seldom. */
const SELDOM_AFTER_MS = 90_000;
/** For how long there must be a reason to warn. */
const WARN_AFTER_MS = 3_000;
/** How often it begins anew because something has changed meanwhile, before it pauses. */
const MOST_RESTARTS = 5;
/** How many writes may follow on each other at once: a first use has two. */
const MOST_WRITES = 5;

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);

/**
 * Writes what is due about the list of nodes: ids, first lists, changes, and lists that nodes have forgotten.
 * It goes on, with pauses, until all nodes that answer have the list that is in use.
 */
export class MembershipSync {
  readonly #warnings: MembershipWarnings;
  #underWaySince: number | undefined;
  #isClosed = false;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #acting: Promise<void> | undefined;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly nodeViews: NodeViews,
    private readonly clock: Clock,
    private readonly settings: MembershipSettings,
    private readonly random: () => number,
    private readonly basis: MembershipBasis,
  ) {
    this.#warnings = new MembershipWarnings(settings.warn);
  }

  /** Sees to what is due now. Resolves when it is done, or when it has to wait for something. */
  act(): Promise<void> {
    if (this.#isClosed || this.settings.isObserver) return Promise.resolve();
    this.#acting ??= this.#actUntilDone().finally(() => {
      this.#acting = undefined;
      this.#actLater();
    });
    return this.#acting;
  }

  /** Looks at all nodes, and sees to what is due then. Never rejects. */
  async synchronize(): Promise<void> {
    await this.look();
    await this.act();
  }

  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** The operator's word, see `LockManager.acceptMembers`. */
  async accept(): Promise<void> {
    // Each node needs an id.
    await this.act();
    await this.look();
    const writes = planAcceptance(this.basis.views, this.basis.knowledge, digest);
    if (writes.length < majorityOf(this.nodes.length))
      throw new Error(
        'acceptMembers: fewer than a majority of the nodes can be reached, or have ever been; ' +
          'nothing was written',
      );
    await this.#write(writes);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #actUntilDone(): Promise<void> {
    this.#timer?.cancel();
    for (let restart = 0; restart < MOST_RESTARTS; restart++) {
      const { version } = this.basis;
      await this.#act();
      if (this.basis.version === version) return;
    }
  }

  async #act(): Promise<void> {
    for (let count = 0; count < MOST_WRITES && !this.#isClosed; count++) {
      await this.#identify();
      if (this.#isInPlace()) return;
      await this.look();
      // What it saw may tell which id a blank node should have. A change with another id would need two
      // steps, between which no node may fail.
      await this.#identify();
      if (this.#isClosed) return;
      const { views, knowledge, mayChange } = this.basis;
      const { maxTtlMs } = this.settings;
      const settings = { digest, now: this.clock.now(), patienceMs: maxTtlMs, mayChange };
      const { writes, notices } = planWrites(views, knowledge, settings);
      // At first sight, a list may look further apart than it is: not all nodes have told theirs.
      const underWayMs = this.clock.now() - (this.#underWaySince ?? this.clock.now());
      if (underWayMs >= WARN_AFTER_MS) {
        const list = listAheadOf(views, knowledge) ?? knowledge.latest;
        this.#warnings.tell(notices, { list, distance: list === undefined ? 0 : distanceOf(list, views) });
      }
      if (writes.length === 0) return;
      await this.#write(writes);
      this.basis.read();
    }
  }

  #actLater(): void {
    if (this.#isClosed) return;
    const now = this.clock.now();
    if (this.#isInPlace()) {
      this.#underWaySince = undefined;
      return;
    }
    this.#underWaySince ??= now;
    const usualMs = now - this.#underWaySince > SELDOM_AFTER_MS ? LATER_MS : SOON_MS;
    const delayMs = usualMs * (0.75 + this.random() / 2);
    const again = (): void => {
      this.basis.read();
      void this.act();
    };
    this.#timer = this.clock.setTimer(again, delayMs, 'background');
  }

  /** Whether all nodes that answer have the latest list, it is active, and this client wants no other. */
  #isInPlace(): boolean {
    const { views, knowledge, mayChange } = this.basis;
    const { latest } = knowledge;
    const here = views.filter(isHere);
    const own = ownMembersOf(views);
    const pair = latest && knowledge.pairOf(latest);
    if (here.length === 0 || this.nodes.every(({ state }) => state.status === 'closed')) return true;
    return (
      latest !== undefined &&
      knowledge.activeSince(latest) !== undefined &&
      here.every(
        ({ agrees, record, id }) => agrees || !isMember(latest, id) || record?.list.id === latest.id,
      ) &&
      views.every(({ id }) => id !== undefined) &&
      !(mayChange && !areSameMembers(own ?? [], latest.members)) &&
      !(pair !== undefined && isToBeRepeated(pair, own, knowledge))
    );
  }

  /**
   * Gives an id to each node that has none, and the right one to a blank node with another: one that is in no
   * list, or that of the node whose data it has a copy of.
   */
  async #identify(): Promise<void> {
    const { namesIds: latest } = this.basis;
    const due = this.nodes.flatMap((node, nodeIndex) => {
      const { id, record, status } = node.state;
      const { memory } = node;
      const isConnected = status === 'ready' || status === 'untrusted';
      if (memory?.identify === undefined || !isConnected || record === undefined) return [];
      const isCopy = this.nodeViews.isCopy(nodeIndex);
      if (record.pair !== undefined) return [];
      if (this.nodeViews.twinOf(nodeIndex) !== undefined && !isCopy) return [];
      const wanted = this.nodeViews.idOf(nodeIndex, latest);
      if (id === undefined) return [memory.identify(wanted ?? randomUUID(), '')];
      const isForeign = isCopy || (latest !== undefined && !isMember(latest, id));
      const isTaken = this.basis.views.some((view) => view.isHere && view.id === wanted);
      const isRight = wanted === undefined || wanted === id || !isForeign || isTaken;
      return isRight || latest === undefined || !isMember(latest, wanted)
        ? []
        : [memory.identify(wanted, id)];
    });
    if (due.length === 0) return;
    await within(this.clock, NODE_MS, Promise.all(due));
    this.basis.read();
  }

  async #lookAtAll(): Promise<void> {
    const looks = this.nodes.map(async ({ memory, state: { status } }, nodeIndex) => {
      if (memory === undefined || (status !== 'ready' && status !== 'untrusted')) return;
      const sentAt = this.clock.now();
      await memory.look(true);
      this.nodeViews.looked(nodeIndex, sentAt);
    });
    await within(this.clock, NODE_MS, Promise.all(looks));
    if (!this.#isClosed) this.basis.read();
  }

  async #write(writes: readonly DueWrite[]): Promise<void> {
    const { maxTtlMs } = this.settings;
    const deadlineAt = this.clock.now() + NODE_MS;
    const written = writes.flatMap((write) => {
      const { memory } = this.nodes[write.nodeIndex]!;
      return memory?.writeRecord === undefined ? [] : [memory.writeRecord(write, maxTtlMs, deadlineAt)];
    });
    await within(this.clock, NODE_MS, Promise.all(written));
  }
}
