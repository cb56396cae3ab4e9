import { MARKER } from './lua/guard.js';
import { forEachOperation } from './lua/operations.js';
import { PREPARE_RELEASE, releaseLock } from './lua/release-keys.js';
import { scriptOf } from './script.js';

/**
 * release: deletes a holder's keys, or leaves them a while to live, and tells the first process that waits
 * for each. It has neither guard nor deadline: it is right whenever it comes, whatever the node remembers.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the wait list of
 *       each of its resources
 * ARGV  1      as the guard's: where the marker is
 *       2      how many resources each operation has
 *       3      how long the keys are left to live, in ms; 0: they are deleted
 *       4, 5   the waiter that goes to the end of the lists before the first of each is told, and how long a
 *              list lives, in ms. Empty and 0: nobody
 *       6      how channels of waiters begin
 *       then for each operation its holder id
 * Reply for each operation
 *         0                       done: the keys that were the holder's are not any more
 *         {'granted', 0, told}    likewise, and this many processes were told
 *         {'absent'}              none of the keys was the holder's
 *         {'error', message}      one of the keys is no lock; the others are released
 *       Zeros in a row come as {'zeros', number}.
 *
 * One operation; a process that waited for the lock is told:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:invoice:7 {lock:invoice:7}:fence:wait
 *       '' 1 0 '' 0 lock:quorlock:wake: k3J…@web-1
 *     1) 1) granted 2) 0 3) 1
 */
export const RELEASE = scriptOf(
  'release',
  `${MARKER}
local resources, keep, waiter, channel = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[6]
local keysEach, own, ownEach = 2 * resources, 7, 1
local ends = call('HMGET', marker, 'waits', 'long')
local waits, long = tonumber(ends[1]) or 0, tonumber(ends[2]) or 0
local life = tonumber(ARGV[5])
${PREPARE_RELEASE}${forEachOperation(
    [],
    `
  local holder, isFound, told = ARGV[own], false, 0
  for i = key, key + keysEach - 2, 2 do
    local lock = KEYS[i]
    local owner = try('GET', lock)
    if owner == holder then
${releaseLock('KEYS[i + 1]')}
    elseif type(owner) == 'table' then
      reply = {'error', owner.err}
    end
  end
  if not reply then
    if told > 0 then reply = {'granted', 0, told} elseif isFound then reply = 0 else reply = {'absent'} end
  end
`,
  )}`,
  { hasGuard: false },
);
