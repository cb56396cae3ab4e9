import type { MemberList } from '../../core/membership/member-list.js';
import type { MembershipNotice } from '../../core/membership/write.js';

/** The list in use, as far as it is known, and by how many nodes it differs from the client's own. */
export interface ListInUse {
  readonly list: MemberList | undefined;
  readonly distance: number;
}

/** Tells the operator what matters about the list of nodes, each thing once. */
export class MembershipWarnings {
  readonly #told = new Set<string>();

  constructor(private readonly warn: (message: string) => void) {}

  tell(notices: readonly MembershipNotice[], inUse: ListInUse): void {
    for (const notice of notices) {
      const message = MESSAGES[notice](namesOf(inUse.list), inUse.distance);
      if (this.#told.has(message)) continue;
      this.#told.add(message);
      this.warn(message);
    }
  }
}

const namesOf = (list: MemberList | undefined): string =>
  list === undefined ? 'none' : list.members.map(({ address }) => address).join(', ');

const MESSAGES: Readonly<Record<MembershipNotice, (inUse: string, distance: number) => string>> = {
  'two first lists': () =>
    'configuration mismatch: clients with different lists of nodes were started on new nodes at the same ' +
    'time; stop those with the wrong list, then call acceptMembers() on one with the right list, ' +
    'see docs/membership.md',
  'too far apart': (inUse, distance) =>
    `configuration mismatch: the list of nodes in use is ${inUse}, which differs from this client's by ` +
    `${distance} ${distance === 1 ? 'node' : 'nodes'}; it votes under the list in use as far as it has its ` +
    'nodes; change a list by one node at a time, or call acceptMembers(), see docs/membership.md',
  'out of reach': (inUse, distance) =>
    `configuration mismatch: the list of nodes in use is ${inUse}, as far as this client can see; it ` +
    `differs from this client's by up to ${distance} nodes, and not all of these can be reached; clients ` +
    'that reach the others may go by another list, and hold the same locks, see docs/membership.md',
  'restored on fewer': (inUse) =>
    `nodes that had lost their memory got the list of nodes back (${inUse}) on the word of fewer others ` +
    'than a majority, because no more could be reached',
};
