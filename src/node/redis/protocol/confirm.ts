import { COUNTER_RANGE, FENCE } from './lua/fence.js';
import { DEADLINE, GUARD, LIST } from './lua/guard.js';
import { asError, forEachOperation, GUARD_HEAD } from './lua/operations.js';
import { RUNS } from './lua/runs.js';
import { scriptOf } from './script.js';

/**
 * confirm: raises the counters of a holder's resources to its token, and records that the tick is started, of
 * all of them or of none. Only the owner of the keys may. A counter, a tick and an attempt never go down, and
 * a finished tick stays finished.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the fence key of
 *       each of its resources
 * ARGV  1 to 5   the guard's
 *       6        the deadline
 *       7        the id of the list of nodes that the client votes under; empty: it keeps none
 *       8        how many resources each operation has
 *       9        tick, in ms since 1970; empty: none, and one that is on record stays
 *       10       which attempt to run the tick it is; empty without a tick
 *       11       how long a fence key lives after it was last written, in ms
 *       then for each operation its holder id and its token
 * Reply the node's time in µs; for how many ms its grants do not count; 'late' or 'mismatch' in place of all
 *       answers, or for each operation
 *         0                             granted: the counter is the token
 *         {'held', owner, remaining}    another holder has it, for this many ms
 *         {'absent'}                    the key is gone
 *         {'superseded', counter}       the counter is above the token
 *         {'already ran', tick, attempt, state}  this tick is finished, or a later one is on record
 *         {'error', message}            nothing was written; other operations are not affected
 *       Zeros in a row come as {'zeros', number}.
 *
 * One operation, with a tick:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:nightly {lock:nightly}:fence
 *       '' 60000 7fd1… '' 5c0e… 1795866992250000 kV3… 1 1795866990000 1 86400000 k3J…@web-1 1795866992000003
 *     1) 1795866992010000   2) 0   3) 0
 */
export const CONFIRM = scriptOf(
  'confirm',
  `${GUARD}${DEADLINE}${LIST}
local fenceTtl = tonumber(ARGV[11])
${COUNTER_RANGE}${FENCE}
local resources, tick, attempt = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local keysEach, own, ownEach = 2 * resources, 12, 2
${RUNS}
local function confirm(holder, token)
  local ticks, attempts = {}, {}
  if token > newest then failAsTooFarAhead(KEYS[key + 1]) end
  for i = key, key + keysEach - 2, 2 do
    local owner = call('GET', KEYS[i])
    if not owner then return {'absent'} end
    if owner ~= holder then return {'held', owner, call('PTTL', KEYS[i])} end
    local counter, ran = readFence(KEYS[i + 1], newest)
    if counter and counter > token then return {'superseded', counter} end
    ticks[i] = ran
    if tick then
      local known, state = readRun(KEYS[i + 1], ran)
      local isLater = ran and ran > tick
      if isLater or ran == tick and state == 'finished' then return {'already ran', ran, known, state} end
      failIfTooYoung()
      attempts[i] = ran == tick and math.max(attempt, known) or attempt
    end
  end
  for i = key, key + keysEach - 2, 2 do
    writeFence(KEYS[i + 1], token, tick or ticks[i], fenceTtl)
    if tick then writeRun(KEYS[i + 1], tick, attempts[i], 'started') end
  end
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
