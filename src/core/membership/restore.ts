import { isFirst, isMember, majorityOfList, type ListPair, type Member } from './member-list.js';
import type { MembershipKnowledge } from './knowledge.js';
import { hasPair, isHere, type HereView, type MemberView } from './view.js';
import { votesIn, type DueWrite, type MembershipPlan, type PlanSettings } from './write.js';

/** With fewer nodes there is no quarantine, and no promise about lost memory. */
const FEWEST_WITH_QUARANTINE = 3;

/**
 * Gives blank members their record back. A majority of the list has to have it, without the blank member: so
 * it cannot have forgotten a later one. Others must have been looked at after the member was found blank.
 *
 * If so many others cannot be had, those that are there decide after `patienceMs`, provided that they agree
 * and have had the record for so long.
 */
export function restoresIn(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  settings: PlanSettings,
): MembershipPlan {
  const writes: DueWrite[] = [];
  let isOnFewer = false;
  views.forEach((view, nodeIndex) => {
    if (!isHere(view) || view.agrees || view.record !== undefined) return;
    const found = pairFor(view, views, knowledge, settings);
    if (found === undefined) return;
    isOnFewer ||= found.isOnFewer;
    const { memory, sequence } = view;
    const due = { kind: 'restore', ...found.pair, nodeIndex, memory, sequence } as const;
    writes.push({ ...due, outstanding: 'own votes', votesIn: votesIn(view, found.pair) });
  });
  return { writes, notices: isOnFewer ? ['restored on fewer'] : [] };
}

function pairFor(
  blank: HereView,
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  { now, patienceMs }: PlanSettings,
): { readonly pair: ListPair; readonly isOnFewer: boolean } | undefined {
  const { latest } = knowledge;
  const pair = latest && knowledge.pairOf(latest);
  const { blankSince = now } = blank;
  if (pair !== undefined && !isFirst(pair) && isMember(pair.list, blank.id)) {
    if (pair.list.members.length < FEWEST_WITH_QUARANTINE) return { pair, isOnFewer: false };
    const sure = views.filter(
      (view) =>
        isHere(view) &&
        view.id !== blank.id &&
        view.isTrusted &&
        isMember(pair.list, view.id) &&
        (view.agrees || (view.lookedAt > blankSince && hasPair(view, pair))),
    );
    if (sure.length >= majorityOfList(pair.list)) return { pair, isOnFewer: false };
  }
  if (blank.recordAgeMs <= patienceMs) return undefined;
  const left = pairsOfOthers(blank, views, blankSince, patienceMs).find(
    ({ list, previous }) =>
      isMember(list, blank.id) && [list, previous].some((one) => one && knowledge.isKnown(one)),
  );
  return left && { pair: left, isOnFewer: true };
}

const inPair = ({ list, previous }: ListPair): readonly Member[] => [
  ...list.members,
  ...(previous?.members ?? []),
];

/**
 * What other nodes have, the latest first, where all of its members agree that answer and are not blank, and
 * have had it for long. Those that do not answer must have been away for long.
 */
function pairsOfOthers(
  blank: HereView,
  views: readonly MemberView[],
  since: number,
  patienceMs: number,
): readonly ListPair[] {
  const recorded = views.filter((view) => isHere(view) && view.id !== blank.id && view.record !== undefined);
  const pairs = recorded
    .flatMap(({ record }) => (record === undefined ? [] : [record]))
    .toSorted((a, b) => b.list.epoch - a.list.epoch);
  const isMissed = ({ id, address }: Member): boolean =>
    !views.some(
      (view) =>
        (view.id === id && isHere(view)) ||
        // Nobody has answered for long, or another server has been there for long.
        ((view.id === id || view.address === address) && view.isLongAway) ||
        (view.id !== id && isHere(view) && view.address === address && view.hereForMs > patienceMs),
    );
  return pairs.filter((pair) => {
    const members = inPair(pair);
    const others = recorded.filter(({ id }) => members.some((one) => one.id === id));
    const agree = (view: MemberView): boolean =>
      hasPair(view, pair) && view.recordAgeMs > patienceMs && view.lookedAt > since;
    return others.length > 0 && others.every(agree) && !members.some(isMissed);
  });
}
