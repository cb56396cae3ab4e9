import { COMES_WITHIN_MS } from '../../../../core/backoff.js';

/**
 * Puts a waiting process on the list of a resource. The list is a sorted set, ordered by the node's time at
 * which a process came. A process that is on it already keeps its place. The marker records until when any
 * list may exist, so that a release need not look for one.
 *
 * Needs `now`, and `waits`: until when a list may exist, in ms.
 *
 * A list only serves notifications. An error with a list must not fail the operation, so nothing here raises.
 */
export const ENLIST = `
local function enlist(list, waiter, life)
  try('ZADD', list, 'NX', now, waiter)
  local lives = try('PTTL', list)
  if type(lives) == 'number' and lives < life then try('PEXPIRE', list, life) end
  local over = math.ceil(now / 1000) + life
  if waits < over then
    waits = over + life
    try('HSET', marker, 'waits', waits)
  end
end
`;

/**
 * Tells the first process on the list that the resource may be free: it publishes the lock key on the channel
 * of the process. If nobody hears it, the process is gone, and the next one is told. Returns whether a
 * process was told, 0 or 1. Needs `now`, and `channel`: how the names of channels begin.
 *
 * Whoever was told stays the first, with the negative instant as its score, until it has the resource or is
 * told again: it may come in vain, because other nodes told another process. Were it taken off at once, the
 * lists of the nodes would drift into different orders. If it is told again after long, it may have stopped,
 * and the next one is told too.
 */
export const WAKE_FIRST = `
local function wakeFirst(lock, list)
  local told = 0
  for _ = 1, 100 do
    local first = try('ZRANGE', list, 0, 0, 'WITHSCORES')
    if first.err or not first[1] then return told end
    local waiter, place = first[1], tonumber(first[2])
    local isHeard = try('PUBLISH', channel .. waiter, lock) ~= 0
    if isHeard then told = 1 end
    if isHeard and place >= 0 then
      try('ZADD', list, -now, waiter)
      return 1
    end
    try('ZREM', list, waiter)
    if isHeard and now + place < ${COMES_WITHIN_MS * 1_000} then return 1 end
  end
  return told
end
`;
