/**
 * Loops over the operations of a call. `body` carries one operation out and puts its answer into `reply`. The
 * operation's keys begin at KEYS[key], and its own words at ARGV[own]; `keysEach` and `ownEach` are the
 * numbers of both.
 *
 * The reply begins with `head`, and the answers follow in order. Zeros in a row are sent as {'zeros',
 * number}, because most answers of a large batch are 0.
 */
export const forEachOperation = (head: readonly string[], body: string): string => `
local replies, place, zeros, last = {${[...head, 0].join(', ')}}, ${head.length}, 0, #KEYS
while key <= last do
  local reply
  ${body}
  key, own = key + keysEach, own + ownEach
  if reply == 0 then
    zeros = zeros + 1
  else
    if zeros > 0 then
      place = place + 1
      replies[place] = zeros == 1 and 0 or {'zeros', zeros}
      zeros = 0
    end
    place = place + 1
    replies[place] = reply
  end
end
if zeros > 0 then replies[place + 1] = zeros == 1 and 0 or {'zeros', zeros} end
return replies
`;

/** What a reply tells of the guard: the node's time, and for how long its grants do not count. */
export const GUARD_HEAD = ['now', 'left'];

/**
 * The answer of an operation that failed with what pcall caught: Redis 7 raises tables, older servers texts.
 */
export const asError = (caught: string): string =>
  `{'error', type(${caught}) == 'table' and ${caught}.err or tostring(${caught})}`;
