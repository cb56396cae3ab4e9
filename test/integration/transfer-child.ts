/**
 * A process that adopts the lease that it is sent, reports what came of it, and releases it when it is told
 * to. Its argument has the servers.
 */
import { LockManager, type LeaseJson, type NodeSource } from '../../src/index.js';
import { LONG_TIMEOUT } from '../support/lock-managers.js';

const { nodes, holder } = JSON.parse(process.argv[2] ?? '') as { nodes: NodeSource[]; holder: string };
const locks = new LockManager({ nodes, holder, restartQuarantine: 'off', ...LONG_TIMEOUT });

process.once('message', (json: LeaseJson) => {
  locks.adopt(json, LONG_TIMEOUT).then(
    (lease) => {
      process.once('message', () => void lease.release().then(() => process.send?.('released')));
      process.send?.({ token: lease.token });
    },
    (error: Error) => process.send?.({ error: error.name }),
  );
});
process.send?.('ready');
