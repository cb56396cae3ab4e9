import { COUNTER_RANGE, FENCE } from './lua/fence.js';
import { DEADLINE, GUARD, LIST } from './lua/guard.js';
import { LONGEST_LISTED_MS, RAISE_INSTANT } from './lua/instant.js';
import { asError, forEachOperation, GUARD_HEAD } from './lua/operations.js';
import { RUNS } from './lua/runs.js';
import { ENLIST } from './lua/wait-list.js';
import { scriptOf } from './script.js';

/**
 * Any number of resources, ticks, old counters, and the same holder once more. `taken` says that the lock has
 * been set by this operation already, and `raised` by how much its counter has. Gives the answer, which
 * resource refused, and the attempt that is on record for the tick.
 *
 * With `from` it takes that holder's keys, and also gives how long they would have lived.
 *
 * It is made when it is first needed: a Lua function costs more to make than a lone lock has to spare.
 */
const DECIDE = `
${FENCE}${RUNS}
decide = function(holder, seed, taken, raised)
  local mine, highest, known, ticks, lives, giverLeft = 0, 0, 0, {}, {}, nil
  for i = 0, resources - 1 do
    local lock = KEYS[key + 2 * i]
    local owner = not taken and call('GET', lock)
    if owner and owner ~= holder and owner ~= from then return {'held', owner, call('PTTL', lock)}, i end
    if from and not owner then return {'absent'} end
    if from then
      -- Taken by this very holder before: its own key lives no shorter than the giver's would have.
      lives[i] = call('PTTL', lock)
      giverLeft = math.max(giverLeft or 0, lives[i])
    end
    if owner == holder then mine = mine + 1 end
    if seed or tick then
      local counter, ran = readFence(KEYS[key + 2 * i + 1], newest + raised)
      if tick then
        local attempt, state = readRun(KEYS[key + 2 * i + 1], ran)
        if ran and ran >= tick then
          local isOver = ran > tick or state == 'finished'
          if isOver or state == 'started' and not isRetry then return {'already ran', ran, attempt, state} end
          if known < attempt then known = attempt end
        end
        failIfTooYoung()
        failIfTooFarAhead()
      end
      if seed then
        counter = (counter or raised) - raised
        if counter < oldest then
          counter = math.max(counter, now - 1000000, math.min(now + 1000000, seed))
        end
        if highest < counter then highest = counter end
      end
      ticks[i] = ran
    end
  end
  -- Granted again without a second increment: a command that arrives twice is one grant.
  if mine < resources then
    if seed then highest = highest + tokens end
    -- The counter first: should memory run out in between, a counter that is too high does no harm.
    for i = 0, resources - 1 do
      if seed then writeFence(KEYS[key + 2 * i + 1], highest, ticks[i], fenceTtl) end
      -- Never shortened: the giver may hold it for as long as its key would have lived.
      local life = math.max(tonumber(ttl), lives[i] or 0)
      if not taken then call('SET', KEYS[key + 2 * i], holder, 'PX', life) end
    end
  end
  return seed and highest - seed or 0, nil, known, giverLeft
end
`;

/** Updates the lists of waiting processes: a waiter that was refused joins the list of what refused it. */
const QUEUE = `
local waits = tonumber(seen[5]) or 0
${ENLIST}
local life = tonumber(ARGV[13])
queue = function(reply, refusing)
  local lists = key + 2 * resources
  if refusing then enlist(KEYS[lists + refusing], waiter, life) end
  if type(reply) ~= 'number' then return reply end
  local others = 0
  for i = lists, lists + resources - 1 do
    try('ZREM', KEYS[i], waiter)
    local waiting = try('ZCARD', KEYS[i])
    if type(waiting) == 'number' and others < waiting then others = waiting end
  end
  return {'granted', reply, others}
end
`;

/**
 * acquire: sets the locks of a holder where they are free, all of an operation's resources or none, and
 * counts.
 *
 * KEYS  the marker (but on a shard, see the guard); then for each operation the lock key and the fence key of
 *       each of its resources, and with a waiter the wait list of each
 * ARGV  1 to 5   the guard's
 *       6        the deadline
 *       7        the id of the list of nodes that the client votes under; empty: it keeps none
 *       8        how many resources each operation has
 *       9        ttl in ms
 *       10       tick, in ms since 1970; empty: none
 *       11       how many tokens a grant reserves: the counter goes up by as many
 *       12, 13   the waiter that joins the list of what refuses it, and leaves the lists of what is granted;
 *                and how long a list lives, in ms. Empty and 0: nobody waits
 *       14       '1' where a tick is claimed though it was started, if it is not finished; else empty
 *       15       the holder id whose keys are taken; empty: the resources have to be free
 *       16       how long a fence key lives after it was last written, in ms
 *       then for each operation its holder id, and its seed: the client's wall clock in µs, from which a
 *       missing counter starts, to within a second of the node's time. Empty: without fencing
 * Reply the node's time in µs; for how many ms its grants do not count; 'late' or 'mismatch' in place of all
 *       answers, or for each operation
 *         above                         granted: the counter is its seed and this
 *         {'granted', above, others, attempt}
 *                                       likewise, and this many other processes wait (empty: nobody asked);
 *                                       and this attempt is on record for the tick (missing: none)
 *         {'granted', above, others, '', left}
 *                                       likewise, and the keys that were taken would have lived for this
 *                                       many ms
 *         {'absent'}                    there is no key that could be taken
 *         {'held', owner, remaining}    another holder has it, for this many ms
 *         {'already ran', tick, attempt, state}  this tick or a later one is on record
 *         {'error', message}            nothing was granted; other operations are not affected
 *       Zeros in a row come as {'zeros', number}.
 *
 * Two operations; the second meets another holder:
 *
 *     EVALSHA <sha> 5 lock:quorlock:node lock:invoice:7 {lock:invoice:7}:fence lock:invoice:8
 *       {lock:invoice:8}:fence
 *       '' 60000 7fd1… '' 5c0e… 1795866992250000 kV3… 1 30000 '' 1 '' 0 '' '' 86400000
 *       k3J…@web-1 1795866992000000 Xq8…@web-1 1795866992000000
 *     1) 1795866992010000   2) 0   3) 1   4) 1) held 2) p0Z…@web-2 3) 28750
 */
export const ACQUIRE = scriptOf(
  'acquire',
  `${GUARD}${DEADLINE}${LIST}
local fenceTtl = tonumber(ARGV[16])
${COUNTER_RANGE}
local ttlMs = math.min(tonumber(ARGV[9]), ${LONGEST_LISTED_MS})
${RAISE_INSTANT}
local resources, ttl, tick = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local step, tokens, waiter = ARGV[11], tonumber(ARGV[11]), ARGV[12]
local from = ARGV[15] ~= '' and ARGV[15]
local isPlain, isRetry = resources == 1 and not tick and not from, ARGV[14] ~= ''
local keysEach, own, ownEach = 2 * resources, 17, 2
local decide, queue
if waiter ~= '' then
  keysEach = 3 * resources
  ${QUEUE}
end
${forEachOperation(
  GUARD_HEAD,
  `
  local holder, seed, refusing, known, giverLeft = ARGV[own], tonumber(ARGV[own + 1])
  -- A lone resource is free, as nearly always, if the lock can be set; and its counter goes on if it can be
  -- counted up.
  local taken, raised = isPlain and call('SET', KEYS[key], holder, 'NX', 'PX', ttl), 0
  if taken and not seed then
    reply = 0
  elseif taken then
    local counter = try('INCRBY', KEYS[key + 1], step)
    if type(counter) == 'number' then
      raised = tokens
      if counter - tokens >= oldest and counter <= newest then reply = counter - seed end
    end
  end
  if not reply then
    if not decide then ${DECIDE} end
    local ok
    ok, reply, refusing, known, giverLeft = pcall(decide, holder, seed, taken, raised)
    if not ok then
      if taken then call('DEL', KEYS[key]) end
      if raised > 0 then call('INCRBY', KEYS[key + 1], -tokens) end
      reply = ${asError('reply')}
    end
  end
  if list and type(reply) == 'number' then
    for i = 0, resources - 1 do list(KEYS[key + 2 * i], holder) end
  end
  local isGranted = type(reply) == 'number'
  if queue then reply = queue(reply, refusing) end
  if isGranted and known and known > 0 then
    if type(reply) == 'number' then reply = {'granted', reply, ''} end
    reply[4] = known
  elseif isGranted and giverLeft then
    if type(reply) == 'number' then reply = {'granted', reply, ''} end
    reply[4], reply[5] = '', giverLeft
  end
`,
)}`,
  { hasDeadline: true },
);
