import { CallContent, type Operation } from './script-call.js';

/** The operations of one call. They have the script, the terms and the slot of the first. */
interface Group {
  readonly first: Operation;
  readonly operations: Operation[];
  readonly places: number[];
  deadlineAt: number;
}

/**
 * Deadlines that differ by at most this fraction of the remaining time share a call, with the earliest of
 * them. A turn of the event loop that makes hundreds of requests lasts some milliseconds, so each of these
 * has a deadline of its own.
 */
const DEADLINES_APART = 1 / 4;

/**
 * Puts the operations of a batch into calls. The server carries calls out one after the other. Operations
 * about the same resource keep their order, and with them those of the same holder, which always names the
 * same resources. All others go into an earlier call of their kind: each call has a fixed price.
 */
export class CallPlanner {
  #last: { readonly operations: readonly Operation[]; readonly calls: readonly CallContent[] } | undefined;

  /**
   * The calls for these operations. `now` is on the clock of the deadlines. The nodes of a manager get the
   * same operations one right after the other, so the last result is kept.
   */
  callsOf(operations: readonly Operation[], now: number): readonly CallContent[] {
    if (this.#last !== undefined && areSame(this.#last.operations, operations)) return this.#last.calls;
    const calls = groupsOf(operations, now).map(contentOf);
    this.#last = { operations, calls };
    return calls;
  }
}

function groupsOf(operations: readonly Operation[], now: number): readonly Group[] {
  const groups: Group[] = [];
  /** The last group that names each resource. Made only when there is a second group. */
  let named: Map<string, number> | undefined;
  for (let place = 0; place < operations.length; place++) {
    const operation = operations[place]!;
    let at = groups.length - 1;
    while (at >= 0 && !isLike(groups[at]!, operation, now)) at--;
    if (at < groups.length - 1) named ??= namesIn(groups);
    // In an earlier call, it would overtake the later ones.
    if (named !== undefined && at < groups.length - 1 && isNamedAfter(named, operation, at)) at = -1;
    if (at < 0) {
      at = groups.length;
      groups.push({ first: operation, operations: [], places: [], deadlineAt: operation.deadlineAt });
    }
    const group = groups[at]!;
    group.operations.push(operation);
    group.places.push(place);
    if (operation.deadlineAt < group.deadlineAt) group.deadlineAt = operation.deadlineAt;
    if (named !== undefined) for (const resource of operation.resources) named.set(resource, at);
  }
  return groups;
}

function isLike({ first, deadlineAt }: Group, operation: Operation, now: number): boolean {
  if (first.script !== operation.script || first.terms !== operation.terms || first.slot !== operation.slot)
    return false;
  if (deadlineAt === operation.deadlineAt) return true;
  const leftMs = Math.min(deadlineAt, operation.deadlineAt) - now;
  return Math.abs(deadlineAt - operation.deadlineAt) <= leftMs * DEADLINES_APART;
}

function namesIn(groups: readonly Group[]): Map<string, number> {
  const named = new Map<string, number>();
  for (const [at, { operations }] of groups.entries())
    for (const { resources } of operations) for (const resource of resources) named.set(resource, at);
  return named;
}

function isNamedAfter(named: ReadonlyMap<string, number>, { resources }: Operation, group: number): boolean {
  for (const resource of resources) if ((named.get(resource) ?? -1) > group) return true;
  return false;
}

function contentOf({ first, operations, places, deadlineAt }: Group): CallContent {
  let keys = '';
  let words = first.terms;
  let keyCount = 0;
  let wordCount = first.termCount;
  for (const operation of operations) {
    keys += operation.keys;
    words += operation.own;
    keyCount += operation.keyCount;
    wordCount += operation.ownCount;
  }
  return new CallContent(first.script, operations, places, deadlineAt, keys, keyCount, words, wordCount);
}

function areSame(some: readonly Operation[], others: readonly Operation[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}
