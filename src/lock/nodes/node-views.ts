import type { Clock } from '../../clock.js';
import type { MemberList } from '../../core/membership/member-list.js';
import { isMember } from '../../core/membership/member-list.js';
import type { MemberView } from '../../core/membership/view.js';
import type { LockNode } from '../../node/lock-node.js';

/** Whether the node keeps a record of the lists that it votes in. */
export const keepsRecord = ({ memory }: LockNode): boolean => memory?.writeRecord !== undefined;

const isConnected = ({ state: { status } }: LockNode): boolean =>
  status === 'ready' || status === 'untrusted';

/** Whether the server behind the address can be told from others. */
const isAnswering = (node: LockNode): boolean => isConnected(node) || node.state.status === 'new';

/**
 * A node counts as long away when no lease can be left for which it voted. Without a quarantine that is up to
 * the operator, and nobody waits for it.
 */
const AWAY_WITHOUT_QUARANTINE_MS = 1_000;

/**
 * What this client knows of its nodes, as far as lists of nodes are concerned. It knows each node by the id
 * that the node had when it was last seen, so a node that is away, or that lost its memory, keeps its id.
 */
export class NodeViews {
  readonly #knownIds: (string | undefined)[];
  readonly #lookedAt: number[];
  readonly #longAwayMs: number;
  /** Since when each node has not answered. */
  readonly #awaySince: (number | undefined)[];
  readonly #here: ({ readonly id: string | undefined; readonly since: number } | undefined)[];
  readonly #blank: ({ readonly memory: string; readonly since: number } | undefined)[];

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    maxTtlMs: number,
    hasQuarantine: boolean,
  ) {
    this.#longAwayMs = hasQuarantine ? maxTtlMs : Math.min(maxTtlMs, AWAY_WITHOUT_QUARANTINE_MS);
    this.#awaySince = nodes.map(() => clock.now());
    this.#knownIds = nodes.map(() => undefined);
    this.#lookedAt = nodes.map(() => Number.NEGATIVE_INFINITY);
    this.#here = nodes.map(() => undefined);
    this.#blank = nodes.map(() => undefined);
  }

  /** A look at this node was sent at this instant, and has been answered. */
  looked(nodeIndex: number, sentAt: number): void {
    this.#lookedAt[nodeIndex] = sentAt;
  }

  /**
   * The node that this one turns out to be, for now: two addresses lead to one server, or a server was
   * started with a copy of another's data. One of them is the node; the others have no vote. It is the one
   * that a list of nodes has under its address. Where no list tells, it is of two servers the one that has
   * not lost its memory, then the one that has had the id before, and then the first one.
   */
  twinOf(nodeIndex: number): LockNode | undefined {
    const node = this.nodes[nodeIndex]!;
    if (!isAnswering(node)) return undefined;
    const { id, serverId } = node.state;
    const same = this.nodes.flatMap((other, index) => {
      const isSame =
        isAnswering(other) &&
        ((serverId !== undefined && other.state.serverId === serverId) ||
          (id !== undefined && other.state.id === id));
      return isSame || index === nodeIndex ? [index] : [];
    });
    if (same.length === 1) return undefined;
    const isListed = (index: number): boolean => id !== undefined && this.#isListedAt(id, index);
    const isOriginal = (index: number): boolean =>
      this.nodes[index]!.state.status === 'ready' && same.some((other) => this.#isCopyOf(other, index));
    const isKnown = (index: number): boolean => id !== undefined && this.#knownIds[index] === id;
    const sound = same.find(isListed) ?? same.find(isOriginal) ?? same.find(isKnown) ?? same[0]!;
    return sound === nodeIndex ? undefined : this.nodes[sound];
  }

  /** How many nodes are ready. A server that has two addresses counts once. */
  get readyNodes(): number {
    return this.nodes.filter(
      ({ state }, nodeIndex) => state.status === 'ready' && this.twinOf(nodeIndex) === undefined,
    ).length;
  }

  /** Whether the node is a server of its own that has a copy of another node's data, with the id of that. */
  isCopy(nodeIndex: number): boolean {
    const twin = this.twinOf(nodeIndex);
    return twin !== undefined && this.#isCopyOf(nodeIndex, this.nodes.indexOf(twin));
  }

  /** Whether two nodes with the same id are two servers, of which this one is in quarantine. */
  #isCopyOf(nodeIndex: number, other: number): boolean {
    const [one, another] = [this.nodes[nodeIndex]!.state, this.nodes[other]!.state];
    const areTwo = one.serverId !== undefined && another.serverId !== undefined;
    return areTwo && one.serverId !== another.serverId && one.status === 'untrusted';
  }

  /** Whether a node's list says that the server with this id is at the address of the node. */
  #isListedAt(id: string, nodeIndex: number): boolean {
    const { address } = this.nodes[nodeIndex]!;
    return this.nodes.some(({ state: { record } }) =>
      record?.pair?.list.members.some((one) => one.id === id && one.address === address),
    );
  }

  /**
   * The id that the node should have: the one that it had when this client last saw it, or else the one that
   * the list has for its address.
   */
  idOf(nodeIndex: number, latest: MemberList | undefined): string | undefined {
    const known = this.#knownIds[nodeIndex];
    if (known !== undefined && (latest === undefined || isMember(latest, known))) return known;
    const { address } = this.nodes[nodeIndex]!;
    const listed = latest?.members.find((one) => one.address === address)?.id;
    const isTaken = listed !== undefined && this.#knownIds.includes(listed);
    return listed !== undefined && !isTaken ? listed : known;
  }

  /** `latest`: the latest known list. */
  read(latest: MemberList | undefined): MemberView[] {
    const now = this.clock.now();
    const twins = this.nodes.map((_, nodeIndex) => this.twinOf(nodeIndex) !== undefined);
    this.nodes.forEach(({ state: { id } }, nodeIndex) => {
      if (id === undefined || !isConnected(this.nodes[nodeIndex]!)) return;
      if (!twins[nodeIndex]) this.#knownIds[nodeIndex] = id;
      // It was taken for the other one, which had not answered yet.
      else if (this.#knownIds[nodeIndex] === id) this.#knownIds[nodeIndex] = undefined;
    });
    return this.nodes.map((node, nodeIndex) => this.#viewOf(node, nodeIndex, twins[nodeIndex]!, latest, now));
  }

  #viewOf(
    node: LockNode,
    nodeIndex: number,
    isTwin: boolean,
    latest: MemberList | undefined,
    now: number,
  ): MemberView {
    const { address, state } = node;
    const agrees = !keepsRecord(node);
    const { id: presentId, record } = state;
    const isKnown = agrees || (presentId !== undefined && record !== undefined);
    const isHere = isConnected(node) && isKnown && !isTwin;
    const ownId = agrees ? `@${address}` : isHere ? presentId : this.idOf(nodeIndex, latest);
    if (isHere) this.#awaySince[nodeIndex] = undefined;
    const here = this.#here[nodeIndex];
    const present = here !== undefined && here.id === ownId ? here : { id: ownId, since: now };
    this.#here[nodeIndex] = isHere ? present : undefined;
    const awaySince = isHere ? undefined : (this.#awaySince[nodeIndex] ??= now);
    const isBlank = isHere && !agrees && record?.pair === undefined;
    const blank = this.#blank[nodeIndex];
    const { memory = '', sequence = 0, pair, inForceAt = now, writtenAt = now } = record ?? {};
    if (!isBlank) this.#blank[nodeIndex] = undefined;
    else if (blank?.memory !== memory) this.#blank[nodeIndex] = { memory, since: now };
    return {
      address,
      id: ownId,
      isHere,
      hereForMs: isHere ? now - present.since : 0,
      isLongAway: awaySince !== undefined && now - awaySince > this.#longAwayMs,
      isTrusted: isHere && state.status === 'ready',
      agrees,
      memory,
      sequence,
      record: isHere ? pair : undefined,
      isInForce: now >= inForceAt,
      recordAgeMs: now - writtenAt,
      lookedAt: this.#lookedAt[nodeIndex]!,
      blankSince: this.#blank[nodeIndex]?.since,
    };
  }
}
