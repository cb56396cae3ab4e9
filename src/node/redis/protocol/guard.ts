import { JUDGE_MEMORY, READ_MARKER } from './lua/guard.js';
import { scriptOf } from './script.js';

/**
 * What a client can tell a node about its memory:
 * - `look`: tells what the marker says, and leaves a missing one missing.
 * - `mark`: writes a missing marker, as every vote does: the node is in quarantine from now on.
 * - `first use`: trusts the node at once, if it has no marker.
 * - `trust`: trusts the node at once, whatever its marker says. Counters of a time when it was not trusted go
 *   on from now.
 * - `quarantine`: its memory begins now.
 * - `members`: writes down the nodes among which it is used; a node without a marker is left alone.
 */
export type GuardCommand = 'look' | 'mark' | 'first use' | 'trust' | 'quarantine' | 'members';

/**
 * guard: the guard alone, with a command.
 *
 * KEYS  the marker (but on a shard, see the guard)
 * ARGV  1 to 5   the guard's
 *       6        the command
 *       7        with `members`, these
 * Reply the node's time in µs; for how many ms its grants do not count, -1 without a marker; the node's id;
 * its members. The
 *       last two are empty where there is none, and missing where the quarantine is 0.
 *
 * A look at a node that is trusted:
 *
 *     EVALSHA <sha> 1 lock:quorlock:node '' 60000 7fd1… '' 5c0e… look ''
 *     1) 1795867002010000   2) 0   3) 9b1f…   4) 10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379
 */
export const GUARD_COMMAND = scriptOf(
  'guard',
  `${READ_MARKER}
local command = ARGV[6]
if quarantine > 0 then
  if not since and (command == 'look' or command == 'members') then return {now, -1, '', ''} end
  if command == 'members' then call('HSET', marker, 'members', ARGV[7]) end
  if command == 'quarantine' then began = now end
  if command == 'trust' or command == 'first use' and not since then
    if command == 'trust' and (since ~= 0 or isOtherRun) and goOnFrom < now then goOnFrom = now end
    began = 0
  end
end
${JUDGE_MEMORY}
if quarantine == 0 then return {now, left} end
return {now, left, call('HGET', marker, 'id') or ARGV[5], call('HGET', marker, 'members') or ''}
`,
);
