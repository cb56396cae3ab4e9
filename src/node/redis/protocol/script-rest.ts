/**
 * The rest of the script (see `SCRIPT`): the guard, and every operation in full. It goes on where the head stopped, with the
 * variables of that.
 */
export const SCRIPT_REST = `
-- The node's memory now: when it began, and whether it is in quarantine, when its grants do not count.
local memoryBegan, isInQuarantine = 0, false

local function guard(durable, given)
  if quarantine == 0 then return 0 end
  if not since and (order == 'l' or order == 'm') then return {-1, '', ''} end
  if order == 'm' then call('HSET', marker, 'members', given) end
  local id = call('HGET', marker, 'id') or given
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
      'id', id)
  end
  local left = max(0, math.ceil((start - now) / 1000 + ttl))
  memoryBegan, isInQuarantine = start, left > 0
  lowest = max(halfLife, later)
  if order == '' then return left end
  return {left, id, call('HGET', marker, 'members') or ''}
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

-- By the verb: at which word it says how many such operations follow, how many words each of them has of its own, and
-- whether the third word is a deadline.
local verbs = {}
local counts = {a = 7, q = 9, c = 4, e = 4, r = 5, w = 2, i = 2}
local owns = {a = 1, q = 1, c = 2, e = 3, r = 1, w = 0, i = 0}
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
  if mine == count then return seed and highest - seed or 0 end
  highest = highest + tokens
  -- The counter first: if memory runs out in between, a counter too high does no harm.
  for i = 0, count - 1 do
    if seed then setFence(KEYS[key + 2 * i + 1], highest, ticks[i]) end
    call('SET', KEYS[key + 2 * i], holder, 'PX', ttl)
  end
  return seed and highest - seed or 0
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
  return 0
end

-- A key that is gone is set again where the counter proves that nobody has come after; where the counter is gone as
-- well, the node has lost its data: the key protects from now on, but the answer does not count.
function verbs.e(key, count, holder, token, ceiling, ttl)
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
  return 0
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
  local verb, resources, terms, isLate = words[at], words[at + 1], at + 2, false
  local counted, own = at + counts[verb], owns[verb]
  if hasDeadline[verb] then
    isLate = now > words[terms] + ahead
    terms = terms + 1
  end
  while done < words[counted] do
    local ok, reply = true, {3}
    if not isLate then
      local given = {unpack(words, counted + own * done + 1, counted + own * (done + 1))}
      for term = terms, counted - 1 do given[#given + 1] = words[term] end
      ok, reply = pcall(verbs[verb], key, resources, unpack(given))
    end
    key = key + (verb == 'q' and 3 or 2) * resources
    done = done + 1
    answered = answered + 1
    replies[answered] = ok and reply or {5, type(reply) == 'table' and reply.err or tostring(reply)}
  end
  at, done = counted + own * words[counted] + 1, 0
end
return replies
`;
