/**
 * How the script begins (see `SCRIPT`): with what nearly every call is about, one resource, on a node that is trusted, and
 * nothing out of the ordinary. At the first thing that is, it undoes what it has begun for that operation and goes on with
 * the rest, which can do everything; the functions there are made in each call anew, and cost more than a lone lock does.
 */
export const SCRIPT_HEAD = `
local call, try, max, min = redis.call, redis.pcall, math.max, math.min
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local words = cjson.decode(ARGV[1])
local fenceTtl, quarantine, run, order, ahead = words[1], words[3], words[4], words[6], words[8]
local marker = ARGV[2] or KEYS[1]
local seen = call('HMGET', marker, 'run', 'since', 'ttl', 'anew', 'waits')
local since, lasts, anew = tonumber(seen[2]), tonumber(seen[3]) or 0, tonumber(seen[4]) or 0
local waitsUntil = tonumber(seen[5]) or 0
local replies, answered, at, key, length = {now, 0}, 2, 9, ARGV[2] and 1 or 2, #words
-- How many of the operations that stand at that place have been answered.
local done = 0

-- Between these a counter is believed, and its key was given its life of late.
local halfLife = now - fenceTtl * 500
local lowest, highest = halfLife, now + 60000000
if quarantine > 0 then lowest = max(lowest, anew) end

local function seeded(counter, seed)
  return max(counter, now - 1000000, min(now + 1000000, seed))
end

-- Of zeros that follow each other only their number is told.
local zeros = 0
local function put(reply)
  if reply == 0 then
    zeros = zeros + 1
    return
  end
  if zeros > 0 then
    answered = answered + 1
    replies[answered] = zeros == 1 and 0 or {7, zeros}
    zeros = 0
  end
  if reply then
    answered = answered + 1
    replies[answered] = reply
  end
end

if order == '' and (quarantine == 0 or since and (run == '' or run == seen[1]) and lasts >= quarantine
  and since <= now - lasts * 1000) then
  while at <= length and words[at + 1] == 1 do
    local verb, count = words[at], nil
    if verb == 'a' then
      local seed, tokens, own = words[at + 4], words[at + 6], at + 8
      if not seed or words[at + 5] then break end
      local isLate = now > words[at + 2] + ahead
      -- A number is printed for each command that it is passed to.
      local life, step = tostring(words[at + 3]), tostring(tokens)
      count = words[at + 7]
      while done < count do
        local reply = {3}
        if not isLate then
          local lock, holder = KEYS[key], words[own + done]
          local set = try('SET', lock, holder, 'NX', 'PX', life)
          if not set then
            local owner = try('GET', lock)
            if owner == holder or type(owner) ~= 'string' then break end
            reply = {2, 1, owner, call('PTTL', lock)}
          elseif set.err then
            break
          else
            local fence = KEYS[key + 1]
            local counter = try('INCRBY', fence, step)
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
            reply = counter - seed
          end
        end
        key, done = key + 2, done + 1
        put(reply)
      end
      if done < count then break end
      at = own + count
    elseif verb == 'r' then
      if words[at + 2] ~= 0 or words[at + 3] or waitsUntil * 1000 > now then break end
      local own = at + 6
      count = words[at + 5]
      while done < count do
        local lock, reply = KEYS[key], 0
        local owner = try('GET', lock)
        if owner == words[own + done] then
          call('DEL', lock)
        elseif owner then
          break
        else
          reply = {2, 3, '', 0}
        end
        key, done = key + 2, done + 1
        put(reply)
      end
      if done < count then break end
      at = own + count
    elseif verb == 'e' then
      local ttl, own = words[at + 3], at + 5
      local life = tostring(ttl)
      local isLate = now > words[at + 2] + ahead
      count = words[at + 4]
      while done < count do
        local reply = {3}
        if not isLate then
          local lock, ceiling = KEYS[key], words[own + 3 * done + 2]
          if not ceiling or try('GET', lock) ~= words[own + 3 * done] then break end
          local fence = try('GET', KEYS[key + 1])
          local counter = type(fence) == 'string' and tonumber(fence)
          if counter ~= ceiling or counter < lowest or counter > highest then break end
          if call('PTTL', lock) < ttl then call('PEXPIRE', lock, life) end
          reply = 0
        end
        key, done = key + 2, done + 1
        put(reply)
      end
      if done < count then break end
      at = own + 3 * count
    else
      break
    end
    done = 0
  end
  put(nil)
  if at > length then return replies end
end
`;
