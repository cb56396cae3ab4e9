import { CallContent, type Operation } from './script-call.js';

/** Operations that go in one call: of one script, on the same terms. */
interface Group {
  readonly first: Operation;
  readonly operations: Operation[];
  readonly places: number[];
  deadlineAt: number;
}

/**
 * Operations whose deadlines lie apart by this fraction of the time that is left go together, with the
 * earliest. In a turn of the event loop that makes hundreds of requests, each has a deadline of its own.
 */
const DEADLINES_APART = 1 / 32;

/**
 * Puts operations that arose together into calls. What is about the same resource keeps its order, and so
 * does what is about the same holder, which names the same resources each time. All else is free to go with
 * its like: calls are carried out one after the other, so a call of its own for each run of operations would
 * cost the more the more they are mixed.
 */
export class CallPlanner {
  #last: { readonly operations: readonly Operation[]; readonly calls: readonly CallContent[] } | undefined;

  /**
   * `now`: on the clock of the deadlines. The nodes of a manager are asked much the same, one right after the
   * other.
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
  /** By resource: the last group in which it is named. It is needed only where there are two groups. */
  let named: Map<string, number> | undefined;
  for (let place = 0; place < operations.length; place++) {
    const operation = operations[place]!;
    let at = groups.length - 1;
    while (at >= 0 && !isLike(groups[at]!, operation, now)) at--;
    if (at < groups.length - 1) named ??= namesIn(groups);
    // To go into an earlier call is to overtake the later ones.
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
