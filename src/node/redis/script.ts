import { createHash } from 'node:crypto';

/**
 * One batch of operations on one node: applied in order, without anything between them, after the guard.
 *
 * The guard looks at the node's marker, a hash: run = the run_id of the server that wrote it, since = when the node's
 * memory is known to begin (µs; 0: trusted from the start), ttl = the longest quarantine that any client asked for (ms),
 * id = the node's own random name, members = the nodes among which it is used, as clients wrote it.
 * Without a marker, or with that of another run, the node has lost its memory, was restored or failed over: since = now,
 * and until since + ttl its grants do not count, for any client, even one that has just started.
 *
 * A counter goes on from where it is only within one memory of the node. With old data an old counter comes back, while
 * later ones were given out together with other nodes: then it goes on from the time, as a counter that is not there.
 *
 * KEYS  the marker; then for each operation, for each of its resources: the lock key, then the fence key.
 *       The fence key holds counter:memory:tick, the latter two '' where there is none: in which memory of the node the
 *       counter was granted, and the last tick run. One value, because a call costs more than what it does.
 * ARGV  how long fence keys live after the last touch, and with a tick on record (both ms); the quarantine (ms; 0: no
 *       guard); the server's run_id as read on this connection ('' unknown); 1 where the operator says that the server
 *       keeps its data through a restart; what the guard shall do: '' as above, l(ook) the same but leave a missing marker
 *       missing, f(irst use) trust a node without marker, t(rust) it whatever its marker says, d(istrust) it from now on,
 *       m(embers) write them down; an id, in case that the node has none, or, with m, the members; and by how much the
 *       node's clock is ahead of the one that deadlines are of (µs).
 *       On a shard of a Cluster the marker follows, which is not in the slot of the keys and is none of KEYS there, and the
 *       key that it would have elsewhere.
 *       Last the operations, a line for each, of words with a space between them: the verb and how many resources it has,
 *       the deadline (µs; '' none), the holder id, and
 *         a(cquire)  ttl, seed ('' without fencing), tick ('' without)
 *         q(ueue)    as a, then the waiter and how long its list lives (ms). Its keys are followed by the lists of all its
 *                    resources: of waiters, by the time of their coming
 *         c(onfirm)  token, tick ('' without)
 *         e(xtend)   ttl, token, ceiling (both '' without fencing): what the counter is raised to, and may be at most; with
 *                    the token -1, fencing or not, a key that is gone stays gone, whatever the counter says
 *         r(elease)  what to leave it to live (ms; 0: delete); and who goes to the end of the list before the first of it is
 *                    told, and how long the list lives (both '' for nobody). The list stands in place of the fence key
 *         w(ake)     nothing; likewise: tells the first on the list of each resource that is free
 *         i(nspect)  nothing; the holder id is ''
 * Reply the node's time in µs; for how long its grants do not count (ms; -1: there is no marker), with an order in a list
 *       with the node's id and members; then one reply for each operation:
 *         counter                                 granted
 *         {1, counter, waiters}                   granted to one who was ready to wait: how many others wait; released,
 *                                                 and so many were told
 *         {2, reason, owner, remaining ms}        refused: 1 held, 2 already ran, 3 absent, 4 superseded (the counter
 *                                                 follows)
 *         {3}                                     late: the deadline had passed, nothing was written
 *         {4}                                     the key was set again on a node that had lost its data
 *         {5, message}                            an error; operations beside it are not affected
 *         {6, owner, remaining ms, counter, tick} inspected ('' where there is none)
 *
 * A waiter is told by PUBLISH, on the channel that is called like the marker but for its last part, with the lock key.
 *
 * Numbers above 2^53 never arise, but Lua prints those above 1e14 in exponent form: they go to redis.call through
 * string.format('%.0f'). Effects are replicated, not the script, so that TIME may be read before a write (Redis >= 5).
 * PEXPIRE's GT (Redis 7) is spelt out with PTTL for the sake of older servers.
 */
export const SCRIPT = `
local call = redis.call
local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local fenceTtl, ledgerTtl, quarantine, ahead = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[8])
local match, sub, byte = string.match, string.sub, string.byte

local function number(value)
  return value and tonumber(value) or nil
end

local function print(value)
  return string.format('%.0f', value)
end

-- The node's memory now: when it began, and apart from it while it is in quarantine, when its grants do not count and
-- seeds may still lie before what was lost; '' without guard.
local memory, memoryBegan = '', 0
-- What follows the counter in a fence key of this memory without a tick: nearly all, so they are not taken apart.
local usual

local function guard(run, durable, order, given)
  if quarantine == 0 then return 0 end
  local marker = ARGV[11] and ARGV[9] or KEYS[1]
  local seen = call('HMGET', marker, 'run', 'since', 'ttl', 'id')
  local since, ttl = number(seen[2]), number(seen[3]) or 0
  if not since and (order == 'l' or order == 'm') then return {-1, '', ''} end
  if order == 'm' then call('HSET', marker, 'members', given) end
  local otherRun = run ~= '' and seen[1] ~= run
  local restarted = otherRun and seen[1] and seen[1] ~= '' and not durable
  local start = since
  if order == 't' or (order == 'f' and not since) then
    start = 0
  elseif order == 'd' or not since or since > now or restarted then
    start = now
  end
  if start ~= since or otherRun or ttl < quarantine then
    ttl = math.max(ttl, quarantine)
    call('HSET', marker, 'run', run ~= '' and run or seen[1] or '', 'since', print(start), 'ttl', print(ttl),
      'id', seen[4] or given)
  end
  local left = math.max(0, math.ceil((start - now) / 1000 + ttl))
  memory, memoryBegan = left > 0 and 'quarantine' or print(start), start
  if order == '' then return left end
  return {left, seen[4] or given, call('HGET', marker, 'members') or ''}
end

local function atLeast(key, ttl)
  if call('PTTL', key) < ttl then call('PEXPIRE', key, ttl) end
end

local function fenceOf(fence)
  local value = call('GET', fence)
  if not value then return nil, '', nil end
  if sub(value, 17) == usual then return tonumber(sub(value, 1, 16)), memory, nil end
  local counter, memoryThen, tick = match(value, '^(%d+):(%w*):(%d*)$')
  if not counter then error('the fence key holds something else') end
  return tonumber(counter), memoryThen, number(tick)
end

local function setFence(fence, counter, memoryThen, tick)
  call('SET', fence, print(counter) .. ':' .. memoryThen .. ':' .. (tick and print(tick) or ''),
    'PX', tick and ledgerTtl or fenceTtl)
end

local function refused(reason, lock, owner)
  return {2, reason, owner or '', owner and call('PTTL', lock) or 0}
end

local function superseded(counter)
  return {2, 4, '', 0, counter}
end

-- Who waits for a resource stands on its list, in the order of coming. Nothing that goes wrong with it may be the fault of
-- the operation: it is there for hints.
local function enlist(list, waiter, life)
  redis.pcall('ZADD', list, 'NX', print(now), waiter)
  local left = redis.pcall('PTTL', list)
  if type(left) == 'number' and left < tonumber(life) then redis.pcall('PEXPIRE', list, life) end
end

-- Tells the first on the list that is there to hear it; those that are not are taken off.
local function wake(lock, list)
  for _ = 1, 100 do
    local first = redis.pcall('ZPOPMIN', list)
    if first.err or not first[1] then return 0 end
    local heard = redis.pcall('PUBLISH', sub(ARGV[11] and ARGV[10] or KEYS[1], 1, -5) .. 'wake:' .. first[1], lock)
    if heard ~= 0 then return 1 end
  end
  return 0
end

local function clampedSeed(seed)
  return math.max(now - 1000000, math.min(now + 1000000, seed))
end

local function goOnFrom(counter, memoryThen, seed)
  if counter and (memory == '' or memoryThen == memory) then return counter end
  return math.max(counter or 0, clampedSeed(seed))
end

-- A node whose memory began after a tick was due, or shortly before it, cannot know whether the tick has run: whoever
-- comes late for it, or came early because his clock was ahead, is on record with other nodes only.
local function mayHaveForgotten(tick)
  return memory ~= 'quarantine' and memoryBegan > 0 and memoryBegan > (tick - quarantine) * 1000
end

-- As most are: one resource, without a tick. What fails here between the two writes is an error, and given back.
local function acquireOne(lock, fence, holder, ttl, seed, tokens)
  local counter, memoryThen, last = fenceOf(fence)
  counter = goOnFrom(counter, memoryThen, seed)
  if call('SET', lock, holder, 'NX', 'PX', ttl) then
    setFence(fence, counter + tokens, memory ~= '' and memory or memoryThen, last)
    return counter + tokens
  end
  local owner = call('GET', lock)
  if owner == holder then return counter end
  return refused(1, lock, owner)
end

local verbs = {}

-- Granted again to the same holder without a second increment: a command that arrives twice is one grant.
verbs[97] = function(key, count, holder, ttl, seed, tick, tokens)
  seed, tick = number(seed), number(tick)
  if count == 1 and seed and not tick then return acquireOne(KEYS[key], KEYS[key + 1], holder, ttl, seed, tokens) end
  local mine, highest, memories, ticks = 0, 0, {}, {}
  for i = 0, count - 1 do
    local lock, fence = KEYS[key + 2 * i], KEYS[key + 2 * i + 1]
    local owner = call('GET', lock)
    if owner and owner ~= holder then return refused(1, lock, owner) end
    if seed or tick then
      local counter, memoryThen, last = fenceOf(fence)
      if tick then
        if last and last >= tick then return refused(2) end
        if mayHaveForgotten(tick) then return {5, 'the node lost its memory after this tick was due'} end
      end
      if seed then highest = math.max(highest, goOnFrom(counter, memoryThen, seed)) end
      memories[i], ticks[i] = memoryThen, last
    end
    if owner then mine = mine + 1 end
  end
  if mine == count then return highest end
  highest = highest + tonumber(tokens)
  -- The counter first: if memory runs out in between, a counter too high does no harm.
  for i = 0, count - 1 do
    if seed then
      setFence(KEYS[key + 2 * i + 1], highest, memory ~= '' and memory or memories[i], ticks[i])
    end
    call('SET', KEYS[key + 2 * i], holder, 'PX', ttl)
  end
  return seed and highest or 0
end

-- Only for the owner of the keys, and never downwards.
verbs[99] = function(key, count, holder, token, tick)
  token, tick = tonumber(token), number(tick)
  local memories, ticks = {}, {}
  for i = 0, count - 1 do
    local lock, fence = KEYS[key + 2 * i], KEYS[key + 2 * i + 1]
    local owner = call('GET', lock)
    if not owner then return refused(3) end
    if owner ~= holder then return refused(1, lock, owner) end
    local counter, memoryThen, last = fenceOf(fence)
    if counter and counter > token then return superseded(counter) end
    memories[i], ticks[i] = memoryThen, last
  end
  for i = 0, count - 1 do
    setFence(KEYS[key + 2 * i + 1], token, memories[i], tick or ticks[i])
  end
  return token
end

-- A key that is gone is set again where the counter proves that nobody has come after; where the counter is gone as
-- well, the node has lost its data: the key protects from now on, but the answer does not count.
verbs[101] = function(key, count, holder, ttl, token, ceiling)
  ttl, token, ceiling = tonumber(ttl), number(token), number(ceiling)
  local restored, owners, counters, memories, ticks = false, {}, {}, {}, {}
  for i = 0, count - 1 do
    local lock, fence = KEYS[key + 2 * i], KEYS[key + 2 * i + 1]
    local owner = call('GET', lock)
    if owner and owner ~= holder then return refused(1, lock, owner) end
    if not owner and token == -1 then return refused(3) end
    local counter, memoryThen, last = fenceOf(fence)
    if token and counter then
      if owner and ceiling and counter > ceiling then return superseded(counter) end
      if not owner and counter > token then return refused(3) end
    end
    if not owner and not counter then restored = true end
    owners[i], counters[i], memories[i], ticks[i] = owner, counter, memoryThen, last
  end
  for i = 0, count - 1 do
    local lock = KEYS[key + 2 * i]
    if owners[i] then atLeast(lock, ttl) else call('SET', lock, holder, 'PX', ttl) end
    if ceiling then setFence(KEYS[key + 2 * i + 1], math.max(counters[i] or 0, ceiling), memories[i], ticks[i]) end
  end
  if restored then return {4} end
  return ceiling or 0
end

-- As a, by one who is ready to wait: it stands on a list, or takes itself off and hears how many others wait.
verbs[113] = function(key, count, holder, ttl, seed, tick, tokens, waiter, life)
  local reply = verbs[97](key, count, holder, ttl, seed, tick, tokens)
  local lists = key + 2 * count
  if type(reply) == 'number' then
    local others = 0
    for i = 0, count - 1 do
      redis.pcall('ZREM', KEYS[lists + i], waiter)
      local waiting = redis.pcall('ZCARD', KEYS[lists + i])
      if type(waiting) == 'number' then others = math.max(others, waiting) end
    end
    return {1, reply, others}
  end
  if reply[1] ~= 2 or reply[2] ~= 1 then return reply end
  for i = 0, count - 1 do
    if call('GET', KEYS[key + 2 * i]) == reply[3] then
      enlist(KEYS[lists + i], waiter, life)
      break
    end
  end
  return reply
end

verbs[119] = function(key, count)
  for i = 0, count - 1 do
    if not call('GET', KEYS[key + 2 * i]) then wake(KEYS[key + 2 * i], KEYS[key + 2 * i + 1]) end
  end
  return 0
end

verbs[114] = function(key, count, holder, keep, waiter, life)
  local found, told = 0, 0
  for i = 0, count - 1 do
    local lock = KEYS[key + 2 * i]
    if call('GET', lock) == holder then
      found = found + 1
      if keep == '0' then call('DEL', lock) else call('PEXPIRE', lock, keep) end
      local list = KEYS[key + 2 * i + 1]
      if waiter ~= '' then enlist(list, waiter, life) end
      told = told + wake(lock, list)
    end
  end
  if found == 0 then return refused(3) end
  return told > 0 and {1, 0, told} or 0
end

verbs[105] = function(key)
  local lock, fence = KEYS[key], KEYS[key + 1]
  local owner = call('GET', lock)
  local counter, _, tick = fenceOf(fence)
  return {6, owner or '', owner and call('PTTL', lock) or 0, counter or '', tick or ''}
end

-- By the byte of the verb: the count, the deadline, the holder id, what else the verb takes, and where the next line begins.
local shapes = {
  [97] = '^a(%d+) (%S*) (%S*) (%d+) (%S*) (%S*) (%d+)\\n()',
  [99] = '^c(%d+) (%S*) (%S*) (%d+) (%S*)\\n()',
  [101] = '^e(%d+) (%S*) (%S*) (%d+) (%S*) (%S*)\\n()',
  [113] = '^q(%d+) (%S*) (%S*) (%d+) (%S*) (%S*) (%d+) (%S+) (%d+)\\n()',
  [114] = '^r(%d+) (%S*) (%S*) (%d+) (%S*) (%d*)\\n()',
  [119] = '^w(%d+) (%S*) (%S*)\\n()',
  [105] = '^i(%d+) (%S*) (%S*)\\n()',
}

local lines, at, key = ARGV[11] or ARGV[9], 1, ARGV[11] and 1 or 2

-- The place goes on before anything can fail.
local function run(verb, count, deadline, holder, x, y, z, u, v, w, next)
  count = tonumber(count)
  local first = key
  key = key + (verb == 113 and 3 or 2) * count
  at = next or w or v or u or z or y or x
  if deadline ~= '' and now > tonumber(deadline) + ahead then return {3} end
  return verbs[verb](first, count, holder, x, y, z, u, v, w)
end

local replies = {now, guard(ARGV[4], ARGV[5] == '1', ARGV[6], ARGV[7])}
usual = ':' .. memory .. ':'
local length, answered = #lines, 2
while at <= length do
  local verb = byte(lines, at)
  local ok, reply = pcall(run, verb, match(lines, shapes[verb], at))
  answered = answered + 1
  replies[answered] = ok and reply or {5, type(reply) == 'table' and reply.err or tostring(reply)}
end
return replies
`;

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');
