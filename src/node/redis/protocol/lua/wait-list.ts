/**
 * Puts a waiting process on the list of a resource, which is a sorted set by the node's time of coming.
 * Whoever is on it already keeps its place. The marker tells until when there may be any list, so that a
 * release need not look for one.
 *
 * Needs `now`, and until when there may be a list as `waits`, in ms.
 *
 * Lists are for hints only. What goes wrong with one must not become the fault of the operation, so nothing
 * here raises.
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
 * Takes the first process off the list and tells it that the resource may be free, by publishing the lock key
 * on its channel; gives how many were told. A process that does not hear is gone, and the next one is told.
 * Needs the beginning of channel names as `channel`.
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
