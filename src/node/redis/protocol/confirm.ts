import { COUNTER_RANGE, FENCE } from './lua/fence.js';
import { DEADLINE, GUARD } from './lua/guard.js';
import { asError, forEachOperation, GUARD_HEAD } from './lua/operations.js';
import { scriptOf } from './script.js';

/**
 * confirm: raises the counters of a holder's resources to its token, and records the tick, of all of them or
 * of none. Only the owner of the keys may, and a counter never goes down.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the fence key of
 *       each of its resources
 * ARGV  1 to 5   the guard's
 *       6        the deadline
 *       7        how many resources each operation has
 *       8        tick, in ms since 1970; empty: none, and one that is on record stays
 *       then for each operation its holder id and its token
 * Reply the node's time in µs; for how many ms its grants do not count; 'late' in place of all answers, or
 *       for each operation
 *         0                             granted: the counter is the token
 *         {'held', owner, remaining}    another holder has it, for so many ms
 *         {'absent'}                    the key is gone
 *         {'superseded', counter}       the counter is above the token
 *         {'error', message}            nothing was written; other operations are not affected
 *       Zeros in a row come as {'zeros', number}.
 *
 * One operation, with a tick:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:nightly {lock:nightly}:fence
 *       '' 60000 7fd1… '' 5c0e… 1795866992250000 1 1795866990000 k3J…@web-1 1795866992000003
 *     1) 1795866992010000   2) 0   3) 0
 */
export const CONFIRM = scriptOf(
  'confirm',
  `${GUARD}${DEADLINE}${COUNTER_RANGE}${FENCE}
local resources, tick = tonumber(ARGV[7]), tonumber(ARGV[8])
local keysEach, own, ownEach = 2 * resources, 9, 2

local function confirm(holder, token)
  local ticks = {}
  if token > newest then failAsTooFarAhead(KEYS[key + 1]) end
  for i = key, key + keysEach - 2, 2 do
    local owner = call('GET', KEYS[i])
    if not owner then return {'absent'} end
    if owner ~= holder then return {'held', owner, call('PTTL', KEYS[i])} end
    local counter, ran = readFence(KEYS[i + 1], newest)
    if counter and counter > token then return {'superseded', counter} end
    ticks[i] = ran
  end
  for i = key, key + keysEach - 2, 2 do writeFence(KEYS[i + 1], token, tick or ticks[i]) end
  return 0
end
${forEachOperation(
  GUARD_HEAD,
  `
  local ok
  ok, reply = pcall(confirm, ARGV[own], tonumber(ARGV[own + 1]))
  if not ok then reply = ${asError('reply')} end
`,
)}`,
  { hasDeadline: true },
);
