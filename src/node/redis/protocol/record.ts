import { DEADLINE, GUARD, MEMORY } from './lua/guard.js';
import { TELL_OUT } from './lua/instant.js';
import { scriptOf } from './script.js';

/**
 * record: writes the lists of nodes that the server votes in, if nobody has written them since the client
 * read them, and the server still has the memory that it had then.
 *
 * KEYS  the marker (but on a shard, see the guard)
 * ARGV  1 to 5   the guard's
 *       6        the deadline
 *       7, 8     the memory and the number of the record, as the client read them
 *       9, 10    the ids of the list and of the one before it; empty: the node is no member, and does not
 *                vote in it
 *       11       both, as clients read them
 *       12       how many ms have to pass before the record is in force, at least the longest quarantine;
 *                0: as many as the keys live that the server has set or prolonged; -1: none
 *       13       the list as version 0.1 reads it
 * Reply the node's time in µs; for how many ms its grants do not count; 'late', 'changed' or 'written'
 *
 * The first list of three nodes:
 *
 *     EVALSHA <sha> 1 lock:quorlock:node '' 60000 7fd1… '' 5c0e… 1795866992250000
 *       '7fd1… 1795867001010000' 0 kV3… '' [["kV3…",0,0,[["9b1f…","10.0.0.1:6379"],…]]] -1
 *       [["9b1f…","10.0.0.1:6379"],…]
 *     1) 1795867002010000   2) 0   3) written
 */
export const RECORD = scriptOf(
  'record',
  `${GUARD}${DEADLINE}
local memory = ${MEMORY}
local isMarked = quarantine == 0 or since
local number, from = tonumber(call('HGET', marker, 'seq')) or 0, tonumber(call('HGET', marker, 'from'))
if not isMarked or memory ~= ARGV[7] or number ~= tonumber(ARGV[8]) then return {now, left, 'changed'} end
local wait = tonumber(ARGV[12])
if wait < 0 then
  from = math.max(now, hasRecord and from or 0)
else
  ${TELL_OUT}
  if wait > 0 then out = math.max(out, wait, lasts) end
  from = now + out * 1000
end
call('HSET', marker, 'cur', ARGV[9], 'prev', ARGV[10], 'of', mem, 'by', run, 'record', ARGV[11],
  'members', ARGV[13], 'seq', number + 1,
  'from', string.format('%.0f', from), 'wrote', string.format('%.0f', now))
return {now, left, 'written'}
`,
  { hasDeadline: true },
);
