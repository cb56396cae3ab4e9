/**
 * An answer to each operation of the call. `body` carries one out and puts its answer into `reply`. It finds
 * the operation's keys from KEYS[key] on and its own words from ARGV[own] on; `keysEach` and `ownEach` say
 * how many there are of both.
 *
 * The reply begins with `head`, then come the answers in order. Of 0 after 0 only the number is told, as
 * {'zeros', number}: in a large batch most answers are 0.
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

/** What pcall caught, as the answer of the operation. Redis 7 raises tables, older ones texts. */
export const asError = (caught: string): string =>
  `{'error', type(${caught}) == 'table' and ${caught}.err or tostring(${caught})}`;
