/**
 * A node as one client knows it: the id, which the node keeps until it loses its memory, and the client's
 * address for it.
 */
export interface Member {
  readonly id: string;
  readonly address: string;
}

/**
 * How much two memberships differ. Majorities of N and of N + 1 nodes always share a node, so a membership
 * may grow or shrink by one node while clients with either list run. If the difference is greater, two
 * majorities may have no node in common.
 */
export type Comparison = 'same' | 'one apart' | 'mismatch';

/**
 * Compares our members with those of another client. Two entries are the same node if their ids are equal,
 * because clients may use different addresses, or if their addresses are equal, because a node that lost its
 * data has lost its id too. One of our nodes that is away or in quarantine may have changed both. It has no
 * vote, so `sure` is false, and it counts as the same as any unmatched node of theirs.
 */
export function compareMembers(
  ours: readonly (Member & { readonly sure: boolean })[],
  theirs: readonly Member[],
): Comparison {
  const unmatched = [...theirs];
  let added = 0;
  let doubtful = 0;
  for (const { id, address, sure } of ours) {
    const byId = unmatched.findIndex((one) => id !== '' && one.id === id);
    const index = byId >= 0 ? byId : unmatched.findIndex((one) => one.address === address);
    if (index >= 0) unmatched.splice(index, 1);
    else if (sure) added++;
    else doubtful++;
  }
  const difference = Math.max(
    Math.abs(ours.length - theirs.length),
    added + Math.max(0, unmatched.length - doubtful),
  );
  return difference === 0 ? 'same' : difference === 1 ? 'one apart' : 'mismatch';
}

/** Writes members as the text that is kept on a node, ordered by id. */
export const writeMembers = (members: readonly Member[]): string =>
  JSON.stringify(members.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, address }) => [id, address]));

/** Reads that text; `undefined` when it is empty or cannot be read. */
export function readMembers(text: string): Member[] | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(read)) return undefined;
  return read.flatMap((entry: unknown) =>
    Array.isArray(entry) ? [{ id: String(entry[0]), address: String(entry[1]) }] : [],
  );
}
