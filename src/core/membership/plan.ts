import { change } from './change.js';
import { beginFirstList, isForgotten, keepOwn } from './first-list.js';
import type { MembershipKnowledge } from './knowledge.js';
import { memberList, type Digest } from './member-list.js';
import { restoresIn } from './restore.js';
import { ownMembersOf, type MemberView } from './view.js';
import { writesOf, type DueWrite, type MembershipPlan, type PlanSettings } from './write.js';

/** Which records are to be written now. It never plans a write that the record forbids, see `mayWrite`. */
export function planWrites(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  settings: PlanSettings,
): MembershipPlan {
  const { latest } = knowledge;
  const restores = restoresIn(views, knowledge, settings);
  if (restores.writes.length > 0) return restores;
  if (latest === undefined || isForgotten(latest, views, settings.digest))
    return beginFirstList(views, knowledge, settings);
  return keepOwn(views, knowledge, latest, settings) ?? change(views, knowledge, latest, settings);
}

/** The operator's word: the client's own list on every node that answers, whatever they have. */
export function planAcceptance(
  views: readonly MemberView[],
  knowledge: MembershipKnowledge,
  digest: Digest,
): readonly DueWrite[] {
  const own = ownMembersOf(views);
  if (own === undefined) return [];
  const previous = knowledge.latest;
  const list = memberList(digest, knowledge.highestEpoch + 1, own, previous?.id ?? '', true);
  return writesOf(views, 'accept', { list, previous }, () => true);
}
