import { GUARD } from './lua/guard.js';
import { forEachOperation } from './lua/operations.js';
import { WAKE_FIRST } from './lua/wait-list.js';
import { scriptOf } from './script.js';

/**
 * wake: tells the first process that waits for each resource that is free. It is asked for by one that was told and has no use
 * for the resource any more.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the wait list of each of its
 *       resources
 * ARGV  1 to 5   the guard's
 *       6        how many resources each operation has
 *       7        how channels of waiters begin
 * Reply the node's time in µs; for how many ms its grants do not count; then for each operation
 *         0                     done
 *         {'error', message}    one of the keys is no lock; the others were seen to
 *       0 after 0 is told as {'zeros', number}.
 *
 * One operation:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:invoice:7 {lock:invoice:7}:fence:wait
 *       '' 60000 7fd1… '' 5c0e… 1 lock:quorlock:wake:
 *     1) 1795867002010000   2) 0   3) 0
 */
export const WAKE = scriptOf(
  'wake',
  `${GUARD}
local channel = ARGV[7]
${WAKE_FIRST}
local keysEach, own, ownEach = 2 * tonumber(ARGV[6]), 8, 0
${forEachOperation(`
  reply = 0
  for i = key, key + keysEach - 2, 2 do
    local owner = try('GET', KEYS[i])
    if not owner then
      wakeFirst(KEYS[i], KEYS[i + 1])
    elseif type(owner) == 'table' then
      reply = {'error', owner.err}
    end
  end
`)}`,
);
