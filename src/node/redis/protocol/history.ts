import { MOST_NOTES } from '../../../core/run-history.js';
import { MARKER } from './lua/guard.js';
import { asError, forEachOperation } from './lua/operations.js';
import { scriptOf } from './script.js';

/**
 * history: tells what a node keeps of the past runs of resources, and changes nothing. It has no guard,
 * because it is no part of any vote.
 *
 * KEYS  the marker (but on a shard, see the guard); then the lock key and the fence key of each resource
 * ARGV  1   as the guard's: where the marker is
 * Reply for each resource
 *         {'history', text, …}   the latest notes in their order, see lua/notes.ts
 *         {'error', message}     the key holds something else
 *
 * One resource, of which two runs are kept:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:nightly {lock:nightly}:fence ''
 *     1) 1) history 2) [1,1795866990000,1,1795866992000003,"web-1",…] 3) [1,1795953390000,1,…]
 */
export const HISTORY = scriptOf(
  'history',
  `${MARKER}
local keysEach, own, ownEach = 2, 2, 0
${forEachOperation(
  [],
  `
  local notes = try('ZRANGE', KEYS[key + 1] .. ':history', ${-MOST_NOTES}, -1)
  if notes.err then reply = ${asError('notes')} else reply = {'history', unpack(notes)} end
`,
)}`,
  { hasGuard: false },
);
