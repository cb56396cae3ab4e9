import { COUNTER_RANGE, FENCE } from './lua/fence.js';
import { DEADLINE, GUARD, LIST } from './lua/guard.js';
import { LONGEST_LISTED_MS, RAISE_INSTANT } from './lua/instant.js';
import { asError, forEachOperation, GUARD_HEAD } from './lua/operations.js';
import { scriptOf } from './script.js';

/**
 * Handles an operation with a key or a counter that is not as the last extension left it: refuses it, or sets
 * keys that are gone and raises counters. Gives the answer, and whether nothing is to be prolonged. Made when
 * it is first needed, see `acquire`.
 */
const PREPARE = `
${FENCE}
prepare = function(holder, most)
  local answer, gone, fences = 0, {}, {}
  if most and most > newest then failAsTooFarAhead(KEYS[key + 1]) end
  for i = key, key + keysEach - 2, 2 do
    local owner = call('GET', KEYS[i])
    if owner and owner ~= holder then return {'held', owner, call('PTTL', KEYS[i])}, true end
    if not owner and restore == 'never' then return {'absent'}, true end
    local counter, tick = readFence(KEYS[i + 1], most and newest)
    if counter and most then
      if owner and counter > most then return {'superseded', counter}, true end
      -- Somebody may have come after: the counter must prove that nobody has.
      if not owner and restore ~= 'always' and counter > most - restore then return {'absent'}, true end
    end
    if not owner and not counter then answer = {'restored'} end
    gone[i] = not owner
    if most then fences[i] = {math.max(counter or 0, most), tick} end
  end
  for i = key, key + keysEach - 2, 2 do
    if gone[i] then call('SET', KEYS[i], holder, 'PX', life) end
    if most then writeFence(KEYS[i + 1], fences[i][1], fences[i][2], fenceTtl) end
  end
  return answer
end
`;

/**
 * extend: prolongs a holder's keys and never shortens them, of all resources of an operation or of none.
 * Counters below the operation's maximum are raised to it.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the fence key of
 *       each of its resources
 * ARGV  1 to 5   the guard's
 *       6        the deadline
 *       7        the id of the list of nodes that the client votes under; empty: it keeps none
 *       8        how many resources each operation has
 *       9        ttl in ms
 *       10       when a key that is gone is set again: a number: where the counter is below the maximum by so
 *                much at least, or is gone as well; 'always'; 'never'
 *       11       how long a fence key lives after it was last written, in ms
 *       then for each operation its holder id, and what its counters may be at most; empty: without fencing
 * Reply the node's time in µs; for how many ms its grants do not count; 'late' or 'mismatch' in place of all
 *       answers, or for each operation
 *         0                             granted: the counter is the maximum
 *         {'held', owner, remaining}    another holder has it, for this many ms
 *         {'absent'}                    the key is gone, and was not set again
 *         {'superseded', counter}       the key is there, and the counter above the maximum
 *         {'restored'}                  the key and the counter were gone: the node lost its data. The key
 *                                       protects from now on, but the answer proves nothing
 *         {'error', message}            nothing was prolonged; other operations are not affected
 *       Zeros in a row come as {'zeros', number}.
 *
 * Two operations, both granted:
 *
 *     EVALSHA <sha> 5 lock:quorlock:node lock:invoice:7 {lock:invoice:7}:fence lock:invoice:8
 *       {lock:invoice:8}:fence
 *       '' 60000 7fd1… '' 5c0e… 1795867002250000 1 30000 0 86400000 k3J…@web-1 1795866992000001 Xq8…@web-1
 *       1795866993000004
 *     1) 1795867002010000   2) 0   3) 1) zeros 2) 2
 */
export const EXTEND = scriptOf(
  'extend',
  `${GUARD}${DEADLINE}${LIST}
local fenceTtl = tonumber(ARGV[11])
${COUNTER_RANGE}
local ttlMs = math.min(tonumber(ARGV[9]), ${LONGEST_LISTED_MS})
${RAISE_INSTANT}
local resources, life, ttl, restore = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[9]), ARGV[10]
local keysEach, own, ownEach = 2 * resources, 12, 2
local prepare
${forEachOperation(
  GUARD_HEAD,
  `
  local holder, bound, isRefused = ARGV[own], ARGV[own + 1]
  local most = tonumber(bound)
  reply = 0
  -- As nearly always: the keys are there, and the counters as they were left, not long ago.
  local isUsual = most and most >= oldest and most <= newest
  for i = key, key + keysEach - 2, 2 do
    isUsual = isUsual and try('GET', KEYS[i]) == holder and try('GET', KEYS[i + 1]) == bound
  end
  if not isUsual then
    if not prepare then ${PREPARE} end
    local ok
    ok, reply, isRefused = pcall(prepare, holder, most)
    if not ok then reply, isRefused = ${asError('reply')}, true end
  end
  if not isRefused then
    for i = key, key + keysEach - 2, 2 do
      -- What GT would say, which PEXPIRE knows from Redis 7 on.
      if call('PTTL', KEYS[i]) < ttl then call('PEXPIRE', KEYS[i], life) end
      if list then list(KEYS[i], holder) end
    end
  end
`,
)}`,
  { hasDeadline: true },
);
