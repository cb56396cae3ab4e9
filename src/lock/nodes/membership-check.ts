import { compareMembers, readMembers, writeMembers, type Member } from '../../core/membership.js';
import type { LockNode } from '../../node/lock-node.js';

/**
 * Sees to it that all clients count the same nodes: one with three and one with five would each find a majority of its own
 * (rueidis, discussion 161). The membership is written down on the nodes; a client whose own differs by more than one node
 * has no votes, and one that differs by a node is told loudly, because that is how a membership is changed.
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
        const reason = `configuration mismatch: this client has ${list(ours)}, others use this node among ${list(theirs ?? [])}; change a membership by one node at a time`;
        for (const one of nodes) one.markMisconfigured(reason);
        return;
      }
      const message = `the membership changes by one node: ${node.name} was used among ${list(theirs ?? [])}, now among ${list(ours)}`;
      if (comparison === 'one apart' && !warned.has(message)) {
        warned.add(message);
        warn(message);
      }
      const isWritten = ours.every(({ id }) => theirs?.some((one) => one.id === id));
      if (!(isWritten && comparison === 'same') && ours.every(({ sure }) => sure)) {
        void node.recordMembers(writeMembers(ours));
      }
    }
  };
  const ends = nodes.map((node) => node.onStateChange(check));
  return () => ends.forEach((end) => end());
}

const list = (members: readonly Member[]): string => members.map(({ address }) => address).join(', ');
