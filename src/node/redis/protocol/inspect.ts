import { FENCE } from './lua/fence.js';
import { GUARD } from './lua/guard.js';
import { asError, forEachOperation, GUARD_HEAD } from './lua/operations.js';
import { LATEST_SUCCESS } from './lua/notes.js';
import { RUNS } from './lua/runs.js';
import { scriptOf } from './script.js';

/**
 * inspect: tells what a node knows of resources, and changes nothing of them.
 *
 * KEYS  the marker (but on a shard, see the guard); then the lock key and the fence key of each resource
 * ARGV  1 to 5   the guard's
 * Reply the node's time in µs; for how many ms its grants do not count; then for each resource
 *         {'inspected', owner, remaining, counter, tick, attempt, state, success}
 *                               remaining in ms; tick, and when a run last succeeded, in ms since 1970; a
 *                               missing value is empty
 *         {'error', message}    one of its keys holds something else
 *
 * One resource that is held:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:nightly {lock:nightly}:fence '' 60000 7fd1… '' 5c0e…
 *     1) 1795867002010000   2) 0
 *     3) 1) inspected 2) k3J…@web-1 3) 28750 4) 1795866992000003 5) 1795866990000
 *        6) 1 7) finished 8) 1795866993120
 */
export const INSPECT = scriptOf(
  'inspect',
  `${GUARD}${FENCE}
local keysEach, own, ownEach, tick = 2, 6, 0, nil
${RUNS}
${LATEST_SUCCESS}
local function inspect(lock, fence)
  local owner = call('GET', lock)
  local counter, ran = readFence(fence)
  local attempt, state = readRun(fence, ran)
  local remaining = owner and call('PTTL', lock) or 0
  local success = try('GET', fence .. ':success')
  success = type(success) == 'string' and tonumber(success)
  if not success or not (success >= 0 and success <= latestSuccess) then success = '' end
  return {'inspected', owner or '', remaining, counter or '', ran or '', attempt, state or '', success}
end
${forEachOperation(
  GUARD_HEAD,
  `
  local ok
  ok, reply = pcall(inspect, KEYS[key], KEYS[key + 1])
  if not ok then reply = ${asError('reply')} end
`,
)}`,
);
