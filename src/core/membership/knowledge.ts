import { isFirst, majorityOfList, type ListPair, type MemberList } from './member-list.js';
import { withoutForeign } from './nearest.js';
import { hasPair, isHere, membersAmong, type HereView, type MemberView } from './view.js';

/** The node has exactly this pair, and its word counts. */
const has = (view: HereView, pair: ListPair): boolean => view.agrees || hasPair(view, pair);

/**
 * A list is active when trusted nodes that have exactly this pair, each in force, are a majority of the list
 * and of the list before it. Then no list that is one node away from either can be voted under any more.
 */
export function isActive(views: readonly MemberView[], pair: ListPair): boolean {
  const those = views.filter(
    (view): view is HereView =>
      isHere(view) && view.isTrusted && (view.isInForce || view.agrees) && has(view, pair),
  );
  const { list, previous } = pair;
  if (membersAmong(those, list) < majorityOfList(list)) return false;
  if (list.isAccepted) return true;
  return previous !== undefined && membersAmong(those, previous) >= majorityOfList(previous);
}

/**
 * A first list counts once every member of it has it: so two different ones cannot both count. A minority
 * that has been away for longer than any lease lives is not waited for. What the nodes granted under another
 * first list has to be over.
 */
function isOnAllMembers(views: readonly MemberView[], pair: ListPair): boolean {
  const { list } = pair;
  const those = views.filter(
    (view): view is HereView => isHere(view) && (view.isInForce || view.agrees) && has(view, pair),
  );
  const missing = list.members.length - membersAmong(those, list);
  const longAway = views.filter(({ isLongAway }) => isLongAway).length;
  return missing <= longAway && list.members.length - missing >= majorityOfList(list);
}

/**
 * Which lists a client may vote under. A list is known once it was seen active, or as the previous list on a
 * trusted node, whose writer had known it. A first list is known once it was seen on all of its members. This
 * knowledge never goes stale, because no list id comes back.
 */
export class MembershipKnowledge {
  /** The highest epoch seen so far, on whatever node. */
  highestEpoch = -1;
  /** The known list of the highest epoch, without foreign ones. */
  latest: MemberList | undefined;
  /** The known lists that count for this client, oldest knowledge first. */
  known: readonly MemberList[] = [];
  readonly #known = new Map<string, MemberList>();
  /** The list before each known list, as far as it was seen. */
  readonly #pairs = new Map<string, ListPair>();
  /** Since when each list has been known to be active, on the client's monotonic clock. */
  readonly #activeSince = new Map<string, number>();
  /** The lists that were followed by another one. */
  readonly #followed = new Set<string>();

  isKnown(list: MemberList): boolean {
    return this.#known.has(list.id);
  }

  /** The list with the one before it; `undefined` as long as the list was seen as a previous one only. */
  pairOf(list: MemberList): ListPair | undefined {
    return this.#pairs.get(list.id);
  }

  activeSince(list: MemberList): number | undefined {
    return this.#activeSince.get(list.id);
  }

  /** Whether a list has been active once: this client has seen it, or whoever wrote the next list has. */
  wasActive(list: MemberList): boolean {
    return this.#activeSince.has(list.id) || this.#followed.has(list.id);
  }

  learn(views: readonly MemberView[], now: number): void {
    const here = views.filter(isHere);
    for (const { record, isTrusted } of here) {
      if (record === undefined) continue;
      const { list, previous } = record;
      this.highestEpoch = Math.max(this.highestEpoch, list.epoch);
      if (previous !== undefined && isTrusted) {
        this.#add(previous);
        this.#followed.add(previous.id);
      }
      if (isFirst(record) && isOnAllMembers(views, record)) this.#add(list);
      if (!this.#activeSince.has(list.id) && isActive(views, record)) {
        this.#add(list);
        this.#activeSince.set(list.id, now);
      }
    }
    for (const { record } of here)
      if (record !== undefined && this.isKnown(record.list)) this.#pairs.set(record.list.id, record);
    this.known = withoutForeign([...this.#known.values()], [...this.#pairs.values()], views);
    this.latest = this.known.toSorted((a, b) => b.epoch - a.epoch)[0];
  }

  #add(list: MemberList): void {
    if (this.isKnown(list)) return;
    this.#known.set(list.id, list);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size <= KEPT || oldest === undefined) return;
    for (const kept of [this.#known, this.#pairs, this.#activeSince, this.#followed]) kept.delete(oldest);
  }
}

/** A client sees few changes in its life, and a node keeps two lists. */
const KEPT = 100;
