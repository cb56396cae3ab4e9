import { areSameMembers, differenceOf } from '../../core/membership/member-list.js';
import type { MembershipKnowledge } from '../../core/membership/knowledge.js';
import { ownMembersOf, type MemberView } from '../../core/membership/view.js';

/** How many changes by others a client may see before it gives up its own list. */
const CHANGES_OF_OTHERS = 2;

/**
 * Whether a client still asks for its own list. It does so until that was in use once, or until others have
 * changed the list often. Otherwise clients of the list before and of the next would change it back and
 * forth.
 */
export class OwnList {
  #wasReached = false;
  #changesLeft: number | undefined;
  #latestId: string | undefined;

  get mayChange(): boolean {
    return !this.#wasReached && (this.#changesLeft ?? 1) > 0;
  }

  learn(views: readonly MemberView[], knowledge: MembershipKnowledge): void {
    const { latest } = knowledge;
    const own = ownMembersOf(views);
    if (latest === undefined || own === undefined) return;
    this.#wasReached ||= areSameMembers(own, latest.members) && knowledge.activeSince(latest) !== undefined;
    this.#changesLeft ??= differenceOf(own, latest.members) + CHANGES_OF_OTHERS;
    if (this.#latestId !== undefined && this.#latestId !== latest.id) this.#changesLeft--;
    this.#latestId = latest.id;
  }
}
