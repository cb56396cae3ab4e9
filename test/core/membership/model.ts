import type { ListPair, MemberList } from '../../../src/core/membership/member-list.js';
import type { MembershipKnowledge } from '../../../src/core/membership/knowledge.js';
import type { DueWrite } from '../../../src/core/membership/write.js';
import type { MemberView } from '../../../src/core/membership/view.js';
import { majorityOf } from '../../../src/core/quorum.js';
import type { MembershipRules } from './load-core.js';

/** Mistakes of a node. */
export interface NodeFlaws {
  readonly noCheckAtVote?: boolean;
  readonly noWait?: boolean;
  readonly acceptsOlderLists?: boolean;
  /** Writes whatever comes, also what was read in another memory or replaced since. */
  readonly noCompare?: boolean;
  /** Says that it is trusted while it is in quarantine. */
  readonly noQuarantine?: boolean;
}

const TTL_MS = 8_000;
const WAIT_MS = 10_000;
const QUARANTINE_MS = 10_000;

interface Written {
  readonly pair: ListPair;
  readonly memory: number;
  readonly inForceAt: number;
  readonly writtenAt: number;
}

/** A node: its record, its key, and its memory. There is one resource. */
export class ModelNode {
  readonly id: string;
  memory = 1;
  isUp = true;
  trustedAt = 0;
  bornAt = 0;
  sequence = 0;
  record: Written | undefined;
  /** The list before the previous one. */
  older: string | undefined;
  backup: { readonly record: Written | undefined; readonly sequence: number } | undefined;
  key: { readonly holder: string; readonly until: number } | undefined;

  constructor(
    index: number,
    private readonly flaws: NodeFlaws,
  ) {
    this.id = `n${index}`;
  }

  present(): Written | undefined {
    const { record, memory } = this;
    return record?.memory === memory ? record : undefined;
  }

  forget(now: number, withBackup: boolean): void {
    this.memory++;
    this.bornAt = now;
    this.trustedAt = this.flaws.noQuarantine === true ? now : now + QUARANTINE_MS;
    this.key = undefined;
    this.record = withBackup ? this.backup?.record : undefined;
    this.sequence = withBackup ? (this.backup?.sequence ?? 0) : 0;
  }

  write(write: DueWrite, now: number): void {
    const isAsRead = String(this.memory) === write.memory && this.sequence === write.sequence;
    if (!this.isUp || (!isAsRead && this.flaws.noCompare !== true)) return;
    const inForceAt = now + (this.flaws.noWait === true || write.outstanding === 'nothing' ? 0 : WAIT_MS);
    const pair = { list: write.list, previous: write.previous };
    this.older = this.record?.pair.previous?.id;
    this.record = { pair, memory: this.memory, inForceAt, writtenAt: now };
    this.sequence++;
  }

  /** One vote. Whether it counts. */
  vote(holder: string, listId: string, isExtension: boolean, now: number): boolean {
    const pair = this.present()?.pair;
    const isOlder = this.flaws.acceptsOlderLists === true && this.older === listId;
    const isListed = pair?.list.id === listId || pair?.previous?.id === listId || isOlder;
    if (!isListed && this.flaws.noCheckAtVote !== true) return false;
    const owner = this.key !== undefined && this.key.until > now ? this.key.holder : undefined;
    if (isExtension ? owner !== holder : owner !== undefined && owner !== holder) return false;
    this.key = { holder, until: now + TTL_MS };
    return now >= this.trustedAt;
  }
}

/** A client with a list of addresses. Each address leads to a node, mostly to the one of the same number. */
export class ModelClient {
  readonly knowledge: MembershipKnowledge;
  readonly views: MemberView[];
  readonly #hereSince: number[];
  leaseUntil = 0;
  mayChange = true;
  rounds = 0;

  constructor(
    readonly name: string,
    readonly addresses: readonly number[],
    private readonly rules: MembershipRules,
    private readonly patienceMs: number,
  ) {
    this.knowledge = new rules.MembershipKnowledge();
    this.views = addresses.map((address) => ({ ...UNSEEN, address: `a${address}` }));
    this.#hereSince = addresses.map(() => 0);
  }

  /** Reads a node, as its look tells it. */
  look(place: number, node: ModelNode, now: number): void {
    const before = this.views[place]!;
    const isTwin = this.views.some((view, other) => other !== place && view.isHere && view.id === node.id);
    if (!node.isUp || isTwin) {
      this.views[place] = { ...before, isHere: false };
      return;
    }
    const record = node.present();
    const memory = String(node.memory);
    if (!before.isHere || before.id !== node.id) this.#hereSince[place] = now;
    const wasBlank = before.id === node.id && before.memory === memory ? before.blankSince : undefined;
    this.views[place] = {
      address: before.address,
      id: node.id,
      isHere: true,
      hereForMs: now - this.#hereSince[place]!,
      isLongAway: false,
      isTrusted: now >= node.trustedAt,
      agrees: false,
      memory,
      sequence: node.sequence,
      record: record?.pair,
      isInForce: record !== undefined && now > record.inForceAt,
      recordAgeMs: now - (record?.writtenAt ?? node.bornAt),
      lookedAt: now,
      blankSince: record === undefined ? (wasBlank ?? now) : undefined,
    };
    this.knowledge.learn(this.views, now);
    const { latest } = this.knowledge;
    const ids = this.views.map(({ id }) => id);
    if (latest?.members.length === ids.length && latest.members.every(({ id }) => ids.includes(id)))
      this.mayChange = false;
  }

  plan(now: number): readonly DueWrite[] {
    const { mayChange, patienceMs } = this;
    const settings = { digest: (text: string) => text, now, patienceMs, mayChange };
    return this.rules.planWrites(this.views, this.knowledge, settings).writes;
  }

  choose(): MemberList | undefined {
    return this.rules.listToVoteUnder(this.views, this.knowledge);
  }

  /** Acquires or extends. `nodeAt` gives the node behind an address if the request gets there. */
  ask(nodeAt: (place: number) => ModelNode | undefined, now: number): boolean {
    const list = this.choose();
    if (list === undefined) return false;
    const isExtension = this.leaseUntil > now;
    if (!isExtension) this.rounds++;
    const holder = `${this.name}:${this.rounds}`;
    const granted = new Set<string>();
    this.views.forEach((view, place) => {
      const node = nodeAt(place);
      if (
        !view.isHere ||
        node === undefined ||
        node.id !== view.id ||
        !list.members.some(({ id }) => id === view.id)
      )
        return;
      if (node.vote(holder, list.id, isExtension, now)) granted.add(node.id);
    });
    if (granted.size < majorityOf(list.members.length)) return false;
    this.leaseUntil = now + TTL_MS;
    return true;
  }
}

const UNSEEN: MemberView = {
  address: '',
  id: undefined,
  isHere: false,
  hereForMs: 0,
  isLongAway: false,
  isTrusted: false,
  agrees: false,
  memory: '',
  sequence: 0,
  record: undefined,
  isInForce: false,
  recordAgeMs: 0,
  lookedAt: 0,
  blankSince: undefined,
};
