import { ASK_OTHERS_AFTER_MS } from '../../../core/quarantine.js';
import { JUDGE_MEMORY, READ_MARKER } from './lua/guard.js';
import { TELL_OUT } from './lua/instant.js';
import { scriptOf } from './script.js';

/**
 * What a client can tell a node about its memory:
 * - `look`: tells what the marker says, and leaves a missing one missing.
 * - `mark`: writes a missing marker, as every vote does: the node is in quarantine from now on.
 * - `first use`: trusts the node at once, if it has no marker.
 * - `trust`: trusts the node at once, whatever its marker says. Counters of a time when it was not trusted go
 *   on from now.
 * - `lift`: ends the quarantine of the memory that it names, because all that was forgotten is over. Does
 *   nothing where the node has another memory by now.
 * - `quarantine`: its memory begins now.
 * - `members`: writes down the nodes among which it is used; a node without a marker is left alone.
 */
export type GuardCommand = 'look' | 'mark' | 'first use' | 'trust' | 'lift' | 'quarantine' | 'members';

/**
 * guard: the guard alone, with a command.
 *
 * KEYS  the marker (but on a shard, see the guard)
 * ARGV  1 to 5   the guard's
 *       6        the command
 *       7        with `members`, these; with `lift`, the name of the memory
 * Reply the node's time in µs; for how many ms its grants do not count, -1 without a marker; the node's id;
 *       its members; the name of its memory, which is its run and `since`; how old that memory is, in ms; for
 *       how many ms a key may still live that it set or prolonged in this memory; the longest quarantine that
 *       any client has asked for, in ms; when the marker was first written, in µs; how often it has been
 *       written. What follows the second is
 *       missing where the quarantine is 0, and what follows the fourth where there is no marker.
 *
 * A look at a node that is trusted:
 *
 *     EVALSHA <sha> 1 lock:quorlock:node '' 60000 7fd1… '' 5c0e… look ''
 *     1) 1795867002010000   2) 0   3) 9b1f…   4) 10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379
 *     5) 7fd1…:0   6) 1795867002010   7) 27400   8) 60000   9) 1795860000000000   10) 12
 */
export const GUARD_COMMAND = scriptOf(
  'guard',
  `${READ_MARKER}
local command = ARGV[6]
local function memoryName(name) return name .. ':' .. string.format('%.0f', began) end
if quarantine > 0 then
  if not since and (command == 'look' or command == 'members') then return {now, -1, '', ''} end
  if command == 'members' then call('HSET', marker, 'members', ARGV[7]) end
  if command == 'quarantine' then began = now end
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
if quarantine == 0 then return {now, left} end
${TELL_OUT}
local told = call('HMGET', marker, 'id', 'members', 'run', 'longest', 'born', 'writes')
return {now, left, told[1] or ARGV[5], told[2] or '', memoryName(told[3] or ''),
  math.floor((now - began) / 1000), out, tonumber(told[4]), tonumber(told[5]) or 0, tonumber(told[6]) or 0}
`,
);
