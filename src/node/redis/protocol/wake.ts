import { CLOCK, MARKER } from './lua/guard.js';
import { forEachOperation } from './lua/operations.js';
import { WAKE_FIRST } from './lua/wait-list.js';
import { scriptOf } from './script.js';

/**
 * wake: takes a process off the list of each resource that is free, and tells the first one on it. A process
 * that was told and does not need the resource any more asks for it. Like a release, it has neither guard nor
 * deadline.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the wait list of
 *       each of its resources
 * ARGV  1   as the guard's: where the marker is
 *       2   how many resources each operation has
 *       3   how channels of waiters begin
 *       then for each operation the waiter that asks
 * Reply for each operation
 *         0                     done
 *         {'error', message}    one of the keys is no lock; the others were seen to
 *       Zeros in a row come as {'zeros', number}.
 *
 * One operation:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:invoice:7 {lock:invoice:7}:fence:wait '' 1 lock:quorlock:wake:
 *       web-1:5f0c…
 *     1) 0
 */
export const WAKE = scriptOf(
  'wake',
  `${MARKER}${CLOCK}
local channel = ARGV[3]
${WAKE_FIRST}
local keysEach, own, ownEach = 2 * tonumber(ARGV[2]), 4, 1
${forEachOperation(
  [],
  `
  reply = 0
  for i = key, key + keysEach - 2, 2 do
    local owner = try('GET', KEYS[i])
    if not owner then
      try('ZREM', KEYS[i + 1], ARGV[own])
      wakeFirst(KEYS[i], KEYS[i + 1])
    elseif type(owner) == 'table' then
      reply = {'error', owner.err}
    end
  end
`,
)}`,
  { hasGuard: false },
);
