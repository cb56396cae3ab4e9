import { createHash } from 'node:crypto';

/**
 * One batch of operations on one node: applied in order, without anything between them, after the guard.
 *
 * The guard looks at the node's marker, a hash: run = the run_id of the server that wrote it, since = when the node's
 * memory is known to begin (µs; 0: trusted from the start), ttl = the longest quarantine that any client asked for (ms),
 * id = the node's own random name, members = the nodes among which it is used, as clients wrote it, anew = below which
 * instant counters go on from the time (µs), waits = until when there may be a list of those who wait (ms).
 * Without a marker, or with that of another run, the node has lost its memory, was restored or failed over: since = now,
 * and until since + ttl its grants do not count, for any client, even one that has just started.
 *
 * A counter is a time in µs that is counted up. With old data an old counter comes back, while later ones were given out
 * together with other nodes: one that lies before the end of the last quarantine goes on from the time, as one that is not
 * there. So does one that lies half a life of fence keys back: what a counter says is thus never much older than the life
 * that its key was given, and a grant need not give it a new one.
 *
 * KEYS  the marker; then for each operation, for each of its resources: the lock key, then the fence key.
 *       The fence key holds the counter, or counter:tick, the latter being the last tick run. One value, because a call
 *       costs more than what it does.
 * ARGV  a JSON list. First how long fence keys live after the last touch, and with a tick on record (both ms); the
 *       quarantine (ms; 0: no guard); the server's run_id as read on this connection ("" unknown); whether the operator says
 *       that the server keeps its data through a restart; what the guard shall do: "" as above, l(ook) the same but leave a
 *       missing marker missing, f(irst use) trust a node without marker, t(rust) it whatever its marker says, d(istrust) it
 *       from now on, m(embers) write them down; an id, in case that the node has none, or, with m, the members; and by how
 *       much the node's clock is ahead of the one that deadlines are of (µs).
 *       Then the operations, each as the verb, the number of its resources, and
 *         a(cquire)  deadline (µs), holder id, ttl, seed (false: without fencing), tick (false: without), tokens
 *         q(ueue)    as a, then the waiter and how long its list lives (ms). Its keys are followed by the lists of all its
 *                    resources: of waiters, by the time of their coming
 *         c(onfirm)  deadline, holder id, token, tick (false: without)
 *         e(xtend)   deadline, holder id, ttl, token, ceiling (both false without fencing): what the counter is raised to,
 *                    and may be at most; with the token -1, fencing or not, a key that is gone stays gone, whatever the
 *                    counter says
 *         r(elease)  holder id, what to leave it to live (ms; 0: delete); and who goes to the end of the list before the
 *                    first of it is told, and how long the list lives (false and 0 for nobody). The list stands in place of
 *                    the fence key
 *         w(ake)     nothing; likewise: tells the first on the list of each resource that is free
 *         i(nspect)  nothing
 *       On a shard of a Cluster there follow, as arguments of their own, the marker, which is not in the slot of the keys and
 *       none of KEYS there, and the key that it would have elsewhere.
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
 * It begins with what nearly every call is about: one resource, on a node that is trusted, and nothing out of the ordinary. At
 * the first thing that is, it undoes what it has begun for that operation and goes on with the rest of the script, which
 * can do everything; the functions there are made in each call anew, and cost more than a lone lock does.
 *
 * Whole numbers are passed to redis.call as they are and come out whole up to 2^53; Lua's own tostring and .. print those
 * above 1e14 in exponent form. Effects are replicated, not the script, so that TIME may be read before a write
 * (Redis >= 5). PEXPIRE's GT (Redis 7) is spelt out with PTTL for the sake of older servers.
 */
export const SCRIPT = `
local call, try, max, min = redis.call, redis.pcall, math.max, math.min
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local words = cjson.decode(ARGV[1])
local fenceTtl, quarantine, run, order, ahead = words[1], words[3], words[4], words[6], words[8]
local marker = ARGV[2] or KEYS[1]
local seen = call('HMGET', marker, 'run', 'since', 'ttl', 'anew', 'waits', 'id')
local since, lasts, anew = tonumber(seen[2]), tonumber(seen[3]) or 0, tonumber(seen[4]) or 0
local waitsUntil = tonumber(seen[5]) or 0
local replies, answered, at, key, length = {now, 0}, 2, 9, ARGV[2] and 1 or 2, #words

-- Between these a counter is believed, and its key was given its life of late.
local halfLife = now - fenceTtl * 500
local lowest, highest = halfLife, now + 60000000
if quarantine > 0 then lowest = max(lowest, anew) end

local function seeded(counter, seed)
  return max(counter, now - 1000000, min(now + 1000000, seed))
end

if order == '' and (quarantine == 0 or since and (run == '' or run == seen[1]) and lasts >= quarantine
  and since <= now - lasts * 1000) then
  while at <= length and words[at + 1] == 1 do
    local verb, reply = words[at], nil
    if verb == 'a' then
      local deadline, holder, seed, tokens = words[at + 2], words[at + 3], words[at + 5], words[at + 7]
      if not seed or words[at + 6] then break end
      if now > deadline + ahead then
        reply = {3}
      else
        local lock = KEYS[key]
        local set = try('SET', lock, holder, 'NX', 'PX', words[at + 4])
        if not set then
          local owner = try('GET', lock)
          if owner == holder or type(owner) ~= 'string' then break end
          reply = {2, 1, owner, call('PTTL', lock)}
        elseif set.err then
          break
        else
          local fence = KEYS[key + 1]
          local counter = try('INCRBY', fence, tokens)
          if type(counter) ~= 'number' or counter > 9007199254740991 then
            call('DEL', lock)
            break
          end
          if counter - tokens < lowest then
            counter = seeded(counter - tokens, seed) + tokens
            call('SET', fence, counter, 'PX', fenceTtl)
          elseif counter > highest then
            call('PEXPIRE', fence, fenceTtl)
          end
          reply = counter
        end
      end
      at = at + 8
    elseif verb == 'r' then
      if words[at + 3] ~= 0 or words[at + 4] or waitsUntil * 1000 > now then break end
      local lock = KEYS[key]
      local owner = try('GET', lock)
      if owner == words[at + 2] then
        call('DEL', lock)
        reply = 0
      elseif owner then
        break
      else
        reply = {2, 3, '', 0}
      end
      at = at + 6
    elseif verb == 'e' then
      local deadline, holder, ttl, ceiling = words[at + 2], words[at + 3], words[at + 4], words[at + 6]
      if now > deadline + ahead then
        reply = {3}
      else
        local lock = KEYS[key]
        if not ceiling or try('GET', lock) ~= holder then break end
        local fence = try('GET', KEYS[key + 1])
        local counter = type(fence) == 'string' and tonumber(fence)
        if counter ~= ceiling or counter < lowest or counter > highest then break end
        if call('PTTL', lock) < ttl then call('PEXPIRE', lock, ttl) end
        reply = ceiling
      end
      at = at + 7
    else
      break
    end
    key = key + 2
    answered = answered + 1
    replies[answered] = reply
  end
  if at > length then return replies end
end

-- The node's memory now: when it began, and whether it is in quarantine, when its grants do not count.
local memoryBegan, isInQuarantine = 0, false

local function guard(durable, given)
  if quarantine == 0 then return 0 end
  if not since and (order == 'l' or order == 'm') then return {-1, '', ''} end
  if order == 'm' then call('HSET', marker, 'members', given) end
  local otherRun = run ~= '' and seen[1] ~= run
  local restarted = otherRun and seen[1] and seen[1] ~= '' and not durable
  local start, later = since, anew
  if order == 't' or (order == 'f' and not since) then
    start = 0
    if order == 't' and (since ~= 0 or otherRun) then later = max(later, now) end
  elseif order == 'd' or not since or since > now or restarted then
    start = now
  end
  local ttl = max(lasts, quarantine)
  if start > 0 then later = max(later, start + ttl * 1000) end
  if start ~= since or otherRun or ttl ~= lasts or later ~= anew then
    call('HSET', marker, 'run', run ~= '' and run or seen[1] or '', 'since', start, 'ttl', ttl, 'anew', later,
      'id', seen[6] or given)
  end
  local left = max(0, math.ceil((start - now) / 1000 + ttl))
  memoryBegan, isInQuarantine = start, left > 0
  lowest = max(halfLife, later)
  if order == '' then return left end
  return {left, seen[6] or given, call('HGET', marker, 'members') or ''}
end

local function atLeast(key, ttl)
  if call('PTTL', key) < ttl then call('PEXPIRE', key, ttl) end
end

local function fenceOf(fence)
  local value = call('GET', fence)
  if not value then return nil, nil end
  local counter, tick = string.match(value, '^(%d+):?(%d*)$')
  counter = tonumber(counter)
  if not counter or counter > 9007199254740991 then error('the fence key holds something else') end
  return counter, tonumber(tick)
end

local function setFence(fence, counter, tick)
  if tick then
    call('SET', fence, string.format('%.0f:%.0f', counter, tick), 'PX', words[2])
  else
    call('SET', fence, counter, 'PX', fenceTtl)
  end
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
  try('ZADD', list, 'NX', now, waiter)
  local left = try('PTTL', list)
  if type(left) == 'number' and left < life then try('PEXPIRE', list, life) end
  local listUntil = math.ceil(now / 1000) + life
  if waitsUntil < listUntil then
    waitsUntil = listUntil + life
    try('HSET', marker, 'waits', waitsUntil)
  end
end

-- Tells the first on the list that is there to hear it; those that are not are taken off.
local function wake(lock, list)
  for _ = 1, 100 do
    local first = try('ZPOPMIN', list)
    if first.err or not first[1] then return 0 end
    local heard = try('PUBLISH', string.sub(ARGV[3] or marker, 1, -5) .. 'wake:' .. first[1], lock)
    if heard ~= 0 then return 1 end
  end
  return 0
end

local function goOnFrom(counter, seed)
  if counter and counter >= lowest then return counter end
  return seeded(counter or 0, seed)
end

-- A node whose memory began after a tick was due, or shortly before it, cannot know whether the tick has run: whoever
-- comes late for it, or came early because his clock was ahead, is on record with other nodes only.
local function mayHaveForgotten(tick)
  return not isInQuarantine and memoryBegan > 0 and memoryBegan > (tick - quarantine) * 1000
end

-- By the verb: how many words it takes, with itself and the number of its resources, and whether it has a deadline.
local verbs = {}
local lengths = {a = 8, q = 10, c = 6, e = 7, r = 6, w = 2, i = 2}
local hasDeadline = {a = true, q = true, c = true, e = true}

-- Granted again to the same holder without a second increment: a command that arrives twice is one grant.
function verbs.a(key, count, holder, ttl, seed, tick, tokens)
  local mine, highest, ticks = 0, 0, {}
  for i = 0, count - 1 do
    local lock, fence = KEYS[key + 2 * i], KEYS[key + 2 * i + 1]
    local owner = call('GET', lock)
    if owner and owner ~= holder then return refused(1, lock, owner) end
    if seed or tick then
      local counter, last = fenceOf(fence)
      if tick then
        if last and last >= tick then return refused(2) end
        if mayHaveForgotten(tick) then return {5, 'the node lost its memory after this tick was due'} end
      end
      if seed then highest = max(highest, goOnFrom(counter, seed)) end
      ticks[i] = last
    end
    if owner then mine = mine + 1 end
  end
  if mine == count then return highest end
  highest = highest + tokens
  -- The counter first: if memory runs out in between, a counter too high does no harm.
  for i = 0, count - 1 do
    if seed then setFence(KEYS[key + 2 * i + 1], highest, ticks[i]) end
    call('SET', KEYS[key + 2 * i], holder, 'PX', ttl)
  end
  return seed and highest or 0
end

-- Only for the owner of the keys, and never downwards.
function verbs.c(key, count, holder, token, tick)
  local ticks = {}
  for i = 0, count - 1 do
    local lock, fence = KEYS[key + 2 * i], KEYS[key + 2 * i + 1]
    local owner = call('GET', lock)
    if not owner then return refused(3) end
    if owner ~= holder then return refused(1, lock, owner) end
    local counter, last = fenceOf(fence)
    if counter and counter > token then return superseded(counter) end
    ticks[i] = last
  end
  for i = 0, count - 1 do
    setFence(KEYS[key + 2 * i + 1], token, tick or ticks[i])
  end
  return token
end

-- A key that is gone is set again where the counter proves that nobody has come after; where the counter is gone as
-- well, the node has lost its data: the key protects from now on, but the answer does not count.
function verbs.e(key, count, holder, ttl, token, ceiling)
  local restored, owners, counters, ticks = false, {}, {}, {}
  for i = 0, count - 1 do
    local lock, fence = KEYS[key + 2 * i], KEYS[key + 2 * i + 1]
    local owner = call('GET', lock)
    if owner and owner ~= holder then return refused(1, lock, owner) end
    if not owner and token == -1 then return refused(3) end
    local counter, last = fenceOf(fence)
    if token and counter then
      if owner and ceiling and counter > ceiling then return superseded(counter) end
      if not owner and counter > token then return refused(3) end
    end
    if not owner and not counter then restored = true end
    owners[i], counters[i], ticks[i] = owner, counter, last
  end
  for i = 0, count - 1 do
    local lock = KEYS[key + 2 * i]
    if owners[i] then atLeast(lock, ttl) else call('SET', lock, holder, 'PX', ttl) end
    if ceiling then setFence(KEYS[key + 2 * i + 1], max(counters[i] or 0, ceiling), ticks[i]) end
  end
  if restored then return {4} end
  return ceiling or 0
end

-- As a, by one who is ready to wait: it stands on a list, or takes itself off and hears how many others wait.
function verbs.q(key, count, holder, ttl, seed, tick, tokens, waiter, life)
  local reply = verbs.a(key, count, holder, ttl, seed, tick, tokens)
  local lists = key + 2 * count
  if type(reply) == 'number' then
    local others = 0
    for i = 0, count - 1 do
      try('ZREM', KEYS[lists + i], waiter)
      local waiting = try('ZCARD', KEYS[lists + i])
      if type(waiting) == 'number' then others = max(others, waiting) end
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

function verbs.w(key, count)
  for i = 0, count - 1 do
    if not call('GET', KEYS[key + 2 * i]) then wake(KEYS[key + 2 * i], KEYS[key + 2 * i + 1]) end
  end
  return 0
end

function verbs.r(key, count, holder, keep, waiter, life)
  local found, told = 0, 0
  for i = 0, count - 1 do
    local lock = KEYS[key + 2 * i]
    if call('GET', lock) == holder then
      found = found + 1
      if keep == 0 then call('DEL', lock) else call('PEXPIRE', lock, keep) end
      local list = KEYS[key + 2 * i + 1]
      if waiter then enlist(list, waiter, life) end
      told = told + wake(lock, list)
    end
  end
  if found == 0 then return refused(3) end
  return told > 0 and {1, 0, told} or 0
end

function verbs.i(key)
  local lock, fence = KEYS[key], KEYS[key + 1]
  local owner = call('GET', lock)
  local counter, tick = fenceOf(fence)
  return {6, owner or '', owner and call('PTTL', lock) or 0, counter or '', tick or ''}
end

replies[2] = guard(words[5], words[7])
while at <= length do
  local verb, count = words[at], words[at + 1]
  local first, next = at + 2, at + lengths[verb]
  local ok, reply
  if hasDeadline[verb] then
    if now > words[first] + ahead then ok, reply = true, {3} end
    first = first + 1
  end
  if not ok then ok, reply = pcall(verbs[verb], key, count, unpack(words, first, next - 1)) end
  at = next
  key = key + (verb == 'q' and 3 or 2) * count
  answered = answered + 1
  replies[answered] = ok and reply or {5, type(reply) == 'table' and reply.err or tostring(reply)}
end
return replies
`;

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');
