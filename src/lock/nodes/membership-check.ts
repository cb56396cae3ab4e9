import { compareMembers, readMembers, writeMembers, type Member } from '../../core/membership.js';
import type { LockNode } from '../../node/lock-node.js';
import { excludeNode } from './node-watch.js';

/**
 * Makes sure that all clients count the same nodes. A client with three nodes and one with five would each
 * find a majority of its own (rueidis, discussion 161). The list of members is stored on the nodes that have
 * a memory. A client whose list differs from it by more than one node has no votes. A difference of one node
 * is how a membership is changed; it is reported as a warning.
 */
export function watchMembership(nodes: readonly LockNode[], warn: (message: string) => void): () => void {
  const warned = new Set<string>();
  const check = (): void => {
    const ours = nodes.map(({ state, address }) => ({
      id: state.id ?? '',
      address,
      sure: state.status === 'ready',
    }));
    for (const node of nodes) {
      const { status, members } = node.state;
      if (status !== 'ready' && status !== 'untrusted') continue;
      const theirs = readMembers(members ?? '');
      const comparison = theirs === undefined ? 'same' : compareMembers(ours, theirs);
      if (comparison === 'mismatch') {
        const reason =
          `configuration mismatch: this client has ${addressesOf(ours)}, others use this node among ` +
          `${addressesOf(theirs ?? [])}; change a membership by one node at a time`;
        for (const one of nodes) excludeNode(one, reason, warn);
        return;
      }
      const message =
        `the membership changes by one node: ${node.name} was used among ${addressesOf(theirs ?? [])}, ` +
        `now among ${addressesOf(ours)}`;
      if (comparison === 'one apart' && !warned.has(message)) {
        warned.add(message);
        warn(message);
      }
      const isRecorded =
        comparison === 'same' && ours.every(({ id }) => theirs?.some((one) => one.id === id));
      if (!isRecorded && ours.every(({ sure }) => sure)) void node.memory?.recordMembers(writeMembers(ours));
    }
  };
  const stops = nodes.map((node) => node.onStateChange(check));
  return () => stops.forEach((stop) => stop());
}

const addressesOf = (members: readonly Member[]): string => members.map(({ address }) => address).join(', ');
