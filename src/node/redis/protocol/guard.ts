import { ASK_OTHERS_AFTER_MS } from '../../../core/quarantine.js';
import { JUDGE_MEMORY, MEMORY, READ_MARKER } from './lua/guard.js';
import { TELL_OUT } from './lua/instant.js';
import { scriptOf } from './script.js';

/**
 * guard: the guard alone, with a command.
 *
 * KEYS  the marker (but on a shard, see the guard)
 * ARGV  1 to 5   the guard's
 *       6        the command
 *       7        with `lift`, the name of the memory; with `identify`, the id; with `remove`, the old marker
 *       8        with `identify`, the id that it may replace; the number of the record then grows
 * Reply the node's time in µs; for how many ms its grants do not count, -1 without a marker; the node's id;
 *       its members; the name of its memory, which is its run and `since`; how old that memory is, in ms; for
 *       how many ms a key may still live that it set or prolonged in this memory; the longest quarantine that
 *       any client has asked for, in ms; when the marker was first written, in µs; how often it has been
 *       written. Then about the record: the name of the memory that it must have been written in; its number;
 *       its text, empty where it was written in no memory or another one; for how many ms leases may be out
 *       from before it was written, 0 without a record; how many ms ago that was, or without a record how
 *       long ago this memory began. What follows the fourth is missing where there is no marker. Where the
 *       quarantine is 0, the fifth to the tenth are 0.
 *
 * A look at a node that is trusted:
 *
 *     EVALSHA <sha> 1 lock:quorlock:node '' 60000 7fd1… '' 5c0e… look '' ''
 *     1) 1795867002010000   2) 0   3) 9b1f…   4) [["9b1f…","10.0.0.1:6379"],…
 *     5) 7fd1…:0   6) 1795867002010   7) 27400   8) 60000   9) 1795860000000000   10) 12
 *     11) 7fd1… 1795860000000000   12) 2   13) [["kV3…",1,0,[["9b1f…","10.0.0.1:6379"],…   14) 0   15) 912345
 */
export const GUARD_COMMAND = scriptOf(
  'guard',
  `${READ_MARKER}
local command = ARGV[6]
local function memoryName(name) return name .. ':' .. string.format('%.0f', began) end
if command == 'remove' and ARGV[7] ~= marker then call('DEL', ARGV[7], ARGV[7] .. ':long') end
if quarantine > 0 then
  if not since and (command == 'look' or command == 'identify' or command == 'remove') then
    return {now, -1, '', ''}
  end
  if command == 'quarantine' then beginMemory() end
  if command == 'first use' and not since then began = 0 end
  if command == 'trust' and (since ~= 0 or isOtherRun) then
    -- When its memory began stays on record: a tick that was due before may have run without it.
    if since then lifted = began else began = 0 end
    if goOnFrom < now then goOnFrom = now end
  end
  if command == 'lift' and began == since and not isOtherRun and ARGV[7] == memoryName(seen[1] or '')
    and now - began >= ${ASK_OTHERS_AFTER_MS * 1_000} then
    lifted, goOnFrom = began, now
  end
end
${JUDGE_MEMORY}
if command == 'identify' then
  local id = call('HGET', marker, 'id')
  if not id or not hasRecord and id == ARGV[8] then
    if mem == '' then mem = string.format('%.0f', now) end
    call('HSET', marker, 'id', ARGV[7], 'mem', mem)
    -- A record that was planned for the node under its old id is not written any more.
    if id then call('HINCRBY', marker, 'seq', 1) end
  end
end
local function tellOut()
  ${TELL_OUT}
  return out
end
local outMs = quarantine > 0 and tellOut() or 0
local told = call('HMGET', marker, 'id', 'members', 'run', 'longest', 'born', 'writes', 'seq', 'record',
  'from', 'wrote')
local reply = {now, left, told[1] or quarantine > 0 and ARGV[5] or '', told[2] or '', 0, 0, 0, 0, 0, 0}
if quarantine > 0 then
  reply[5], reply[6], reply[7] = memoryName(told[3] or ''), math.floor((now - began) / 1000), outMs
  reply[8], reply[9], reply[10] = tonumber(told[4]), tonumber(told[5]) or 0, tonumber(told[6]) or 0
end
local from, wrote = hasRecord and tonumber(told[9]) or 0, tonumber(hasRecord and told[10] or mem) or now
if wrote > now then
  -- The clock was set back since. All that was to be waited for begins anew, so it is no longer than it was.
  from, wrote = now + from - wrote, now
  if hasRecord then
    call('HSET', marker, 'from', string.format('%.0f', from), 'wrote', string.format('%.0f', now))
  else
    mem = string.format('%.0f', now)
    call('HSET', marker, 'mem', mem)
  end
end
reply[11], reply[12], reply[13] = ${MEMORY}, tonumber(told[7]) or 0, hasRecord and told[8] or ''
reply[14] = math.max(0, math.ceil((from - now) / 1000))
reply[15] = math.max(0, math.floor((now - wrote) / 1000))
return reply
`,
);
