import { FENCE } from './lua/fence.js';
import { GUARD } from './lua/guard.js';
import { KEEP_NOTE } from './lua/notes.js';
import { asError, forEachOperation, GUARD_HEAD } from './lua/operations.js';
import { PREPARE_RELEASE, releaseLock } from './lua/release-keys.js';
import { RUNS } from './lua/runs.js';
import { scriptOf } from './script.js';

/**
 * What becomes of the tick on record of a resource. Gives whether the end of the run is on record, or need
 * not be. It touches no counter, and makes no fence key: a node that has lost its counters must not seem to
 * have one. Such a node never grants this tick again if its memory is too young for it.
 */
const RECORD = `
local function record(fence, isOwn)
  if state == '' then return true end
  local counter, ran = readFence(fence)
  local known, was = readRun(fence, ran)
  if state == 'open' then
    if isOwn and ran == tick and known == attempt and was == 'started' then
      writeRun(fence, tick, attempt, 'open')
    end
    return true
  end
  if not counter then return isTooYoung() end
  if ran and ran > tick or ran == tick and was == 'finished' then return true end
  if ran == tick and known > attempt then return false end
  if ran ~= tick then writeFence(fence, counter, tick) end
  writeRun(fence, tick, attempt, 'finished')
  return true
end
`;

/**
 * finish: records what became of a run, and then releases its holder's keys as `release` does. A run that has
 * ended is recorded whoever owns the keys, except over a later attempt. A run that never began opens its tick
 * again, only where the keys are the holder's and this attempt is on record as started. What is kept of the
 * run for those who ask later is kept whatever becomes of the rest. It has no deadline.
 * It has the guard, because a node in quarantine acknowledges nothing that counts.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the fence key of
 *       each of its resources
 * ARGV  1 to 5   the guard's
 *       6        how many resources each operation has
 *       7        how long the keys are left to live, in ms; 0: they are deleted
 *       8, 9     the waiter that goes to the end of the lists before the first of each is told, and how long
 *                a list lives, in ms. Empty and 0: nobody
 *       10       how channels of waiters begin
 *       11, 12   the tick, in ms since 1970, and which attempt to run it this was
 *       13       what is recorded: finished or open; empty: nothing
 *       14       how many notes of runs are kept
 *       then for each operation its holder id; the token, the note of the run, and when it succeeded, in ms
 *       since 1970: each may be empty
 * Reply the node's time in µs; for how many ms its acknowledgements do not count; then for each operation
 *         {'released', told, recorded}    the keys that were the holder's are not any more, and this many
 *                                         processes were told; 1: the end is on record, 0: it is not, and
 *                                         will not be; missing unless the end was to be recorded
 *         {'absent', 0, recorded}         likewise; none of the keys was the holder's
 *         {'error', message}              one of the keys holds something else; the others are released
 *
 * One operation, after which a node has the end on record:
 *
 *     EVALSHA <sha> 3 lock:quorlock:node lock:nightly {lock:nightly}:fence
 *       '' 60000 7fd1… '' 5c0e… 1 0 '' 0 lock:quorlock:wake: 1795866990000 1 finished 50
 *       k3J…@web-1 1795866992000003 [1,1795866990000,1,…] 1795867002004
 *     1) 1795867002010000   2) 0   3) 1) released 2) 0 3) 1
 */
export const FINISH = scriptOf(
  'finish',
  `${GUARD}${FENCE}
local resources, keep, waiter, channel = tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[10]
local tick, attempt, state, most = tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13], tonumber(ARGV[14])
local keysEach, own, ownEach, life = 2 * resources, 15, 4, tonumber(ARGV[9])
local waits, long = tonumber(seen[5]) or 0, tonumber(seen[8]) or 0
${RUNS}${PREPARE_RELEASE}${KEEP_NOTE}${RECORD}
${forEachOperation(
  GUARD_HEAD,
  `
  local holder, isFound, told, isRecorded, failure = ARGV[own], false, 0, 1, nil
  for i = key, key + keysEach - 2, 2 do
    local lock = KEYS[i]
    local owner = try('GET', lock)
    local ok, recorded = pcall(record, KEYS[i + 1], owner == holder)
    if not ok then failure = failure or recorded elseif not recorded then isRecorded = 0 end
    keepNote(KEYS[i + 1], ARGV[own + 1], ARGV[own + 2], ARGV[own + 3])
    if owner == holder then
${releaseLock("KEYS[i + 1] .. ':wait'")}
    elseif type(owner) == 'table' then
      failure = failure or owner
    end
  end
  if failure then
    reply = ${asError('failure')}
  else
    reply = {isFound and 'released' or 'absent', told, state == 'finished' and isRecorded or nil}
  end
`,
)}`,
);
