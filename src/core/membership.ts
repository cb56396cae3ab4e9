/** A node as a client knows it: the id that the node bears for as long as it remembers, and where the client finds it. */
export interface Member {
  readonly id: string;
  readonly address: string;
}

/**
 * How two memberships go together. Majorities of N and of N + 1 nodes always meet, so a membership may grow or shrink by one
 * node while clients of both kinds run; with any greater difference two majorities may miss each other.
 */
export type Comparison = 'same' | 'one apart' | 'mismatch';

/**
 * A node is the same where its id is (another client may know it under another address), or its address (it may have lost
 * its id with its data, and is in quarantine for that). One of ours that is away, or in quarantine, may have changed both:
 * it gets the benefit of the doubt, for it has no vote (`sure` is false).
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
    const place = byId >= 0 ? byId : unmatched.findIndex((one) => one.address === address);
    if (place >= 0) unmatched.splice(place, 1);
    else if (sure) added++;
    else doubtful++;
  }
  const difference = Math.max(
    Math.abs(ours.length - theirs.length),
    added + Math.max(0, unmatched.length - doubtful),
  );
  return difference === 0 ? 'same' : difference === 1 ? 'one apart' : 'mismatch';
}

/** The text in which members are written down on a node. */
export const writeMembers = (members: readonly Member[]): string =>
  JSON.stringify(members.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, address }) => [id, address]));

/** Reads that text; `undefined` where nothing, or nothing legible, is written. */
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
