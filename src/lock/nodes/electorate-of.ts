import type { Electorate } from '../../core/electorate.js';
import { isMember, majorityOfList, type MemberList } from '../../core/membership/member-list.js';
import type { MemberView } from '../../core/membership/view.js';
import { majorityOf } from '../../core/quorum.js';
import { failed, type Failed } from '../../core/vote.js';
import type { LockNode } from '../../node/lock-node.js';

/** Which nodes count in votes under this list, and why the others do not. `twinOf`: see NodeViews. */
export function electorateOf(
  nodes: readonly LockNode[],
  views: readonly MemberView[],
  list: MemberList | undefined,
  twinOf: (nodeIndex: number) => LockNode | undefined,
): Electorate {
  const exclusions = nodes.map((node, nodeIndex) =>
    exclusionOf(node, views[nodeIndex]!, list, twinOf(nodeIndex)),
  );
  const majority = list === undefined ? majorityOf(nodes.length) : majorityOfList(list);
  return { listId: list?.id ?? '', majority, exclusions };
}

function exclusionOf(
  { state }: LockNode,
  view: MemberView,
  list: MemberList | undefined,
  twin: LockNode | undefined,
): Failed | undefined {
  const { status, reason = status } = state;
  if (twin !== undefined) return failed('unreachable', new Error(`it is the same server as ${twin.name}`));
  // A node whose id is unknown may be no member, and then its vote must not count.
  if (list !== undefined && isMember(list, view.id))
    return view.isHere || status !== 'ready' ? undefined : NOT_LOOKED_AT;
  if (status === 'new' || status === 'untrusted') return failed('untrusted', new Error(reason));
  if (status !== 'ready') return failed('unreachable', new Error(reason));
  if (list === undefined) return failed('mismatch', new Error(noList(state.reason)));
  return view.id === undefined ? NOT_LOOKED_AT : NOT_LISTED;
}

export const noList = (why = 'its first use needs all nodes'): string =>
  `no list of nodes is in use yet: ${why}`;

const NOT_LISTED = failed('mismatch', new Error('it is not in the list of nodes that is in use'));
const NOT_LOOKED_AT = failed('mismatch', new Error('it has no id yet'));
