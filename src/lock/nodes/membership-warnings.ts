import type { MemberList } from '../../core/membership/member-list.js';
import type { MembershipNotice } from '../../core/membership/write.js';

/** Tells the operator what matters about the list of nodes, each thing once. */
export class MembershipWarnings {
  readonly #told = new Set<string>();

  constructor(private readonly warn: (message: string) => void) {}

  tell(notices: readonly MembershipNotice[], inUse: MemberList | undefined): void {
    for (const notice of notices) {
      const message = MESSAGES[notice](namesOf(inUse));
      if (this.#told.has(message)) continue;
      this.#told.add(message);
      this.warn(message);
    }
  }
}

const namesOf = (list: MemberList | undefined): string =>
  list === undefined ? 'none' : list.members.map(({ address }) => address).join(', ');

const MESSAGES: Readonly<Record<MembershipNotice, (inUse: string) => string>> = {
  'two first lists': () =>
    'configuration mismatch: clients with different lists of nodes were started on new nodes at the same ' +
    'time; stop those with the wrong list, then call acceptMembers() on one with the right list, ' +
    'see docs/membership.md',
  'too far apart': (inUse) =>
    `configuration mismatch: the list of nodes in use is ${inUse}, which differs from this client's by ` +
    'more than one node; it votes under the list in use as far as it has its nodes; change a list by one ' +
    'node at a time, or call acceptMembers(), see docs/membership.md',
  'restored on fewer': (inUse) =>
    `nodes that had lost their memory got the list of nodes back (${inUse}) on the word of fewer others ` +
    'than a majority, because no more could be reached',
};
