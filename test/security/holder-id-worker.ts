import { parentPort } from 'node:worker_threads';
import { newHolderId } from '../../src/lock/quorum/holder-id.js';

/** Sends the first 500 holder ids of this process or thread. */
const ids = Array.from({ length: 500 }, () => newHolderId('x'));
if (parentPort === null) process.send!(ids, () => process.disconnect());
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
else parentPort.postMessage(ids);
