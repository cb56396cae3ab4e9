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
 * Takes the first process off the list and tells it that the resource may be free: it publishes the lock key
 * on the channel of the process. If nobody hears it, the process is gone, and the next one is told. Returns
 * the number of processes that were told, 0 or 1. Needs `channel`: how the names of channels begin.
 */
export const WAKE_FIRST = `
local function wakeFirst(lock, list)
  for _ = 1, 100 do
    local first = try('ZPOPMIN', list)
    if first.err or not first[1] then return 0 end
    if try('PUBLISH', channel .. first[1], lock) ~= 0 then return 1 end
  end
  return 0
end
`;
