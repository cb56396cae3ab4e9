/**
 * A reply to each operation of the call. `body` carries one out and puts its answer into `reply`. It finds the operation's
 * keys from KEYS[key] on and its own words from ARGV[own] on; `keysEach` and `ownEach` say how many there are of both.
 *
 * The call's reply is the node's time, for how long its grants do not count, then the answers in order. Of 0 after 0 only the
 * number is told, as {'zeros', number}: in a large batch most answers are 0.
 */
export const forEachOperation = (body: string): string => `
local replies, place, zeros, last = {now, left, 0}, 2, 0, #KEYS
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

/** What pcall caught, as the answer of the operation. Redis 7 raises tables, older ones texts. */
export const asError = (caught: string): string =>
  `{'error', type(${caught}) == 'table' and ${caught}.err or tostring(${caught})}`;
