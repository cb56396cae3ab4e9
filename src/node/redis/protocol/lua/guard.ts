/**
 * The guard, with which every script begins whose answer depends on what the node remembers. It reads the
 * node's clock and its marker, and knows from these whether the node remembers what it granted.
 *
 * The marker is a hash:
 *   run      the run id of the server that wrote it
 *   born     when the marker was first written, in µs
 *   since    when the server's memory began, in µs; 0: the node has been trusted from the start
 *   lifted   equal to `since` if the quarantine of this memory was ended early
 *   longest  the longest quarantine that any client has asked for, in ms
 *   anew     counters below this instant go on from the time, in µs
 *   counted  the run whose counters are believed: written by clients without a quarantine, see `JUDGE_MEMORY`
 *   id       the node's own random name
 *   members  the nodes among which it is used, as clients wrote it
 *   waits    until when there may be a list of waiting processes, in ms
 *   instant  until when a key may live that was set or prolonged here, in ms; not those of long leases
 *   long     until when there may be a long lease, in ms
 *   writes   how often this marker has been written
 *   ttl      written by clients of version 0.1 only: see `TELL_OUT`
 *   mem      names the server's memory: when it was found to have begun, in µs. Nobody's trust changes it
 *   cur      the id of the list of nodes that the server votes in; see the script `record`
 *   prev     the id of the list before it, under which it votes as well
 *   of, by   the memory (`mem`) and the run in which `cur` and `prev` were written. In any other memory or
 *            run they count for nothing
 *   record   both lists, as clients read them; `seq`, `from`, `wrote`: see `record`
 *
 * A server without a marker, or with the marker of another run, has lost its memory, was restored or failed
 * over. Its memory begins now, and its grants do not count until `since + longest`, for any client, even one
 * that has just started; or until the quarantine is lifted, see `lift` in the script `guard`.
 *
 * ARGV[1]  the marker's key, where it is not KEYS[1]: on a shard of a Cluster it is in another slot than the
 *          keys. A script without a shebang may read it all the same. Else empty
 * ARGV[2]  the quarantine in ms; 0 switches the guard off
 * ARGV[3]  the server's run id as it was read on this connection; empty: unknown; '?': the script asks for
 *          it, because the library may have connected again since
 * ARGV[4]  '1' where the operator says that the server keeps its data through a restart, else empty
 * ARGV[5]  the node's id, should the marker have none
 *
 * It leaves these variables: `now` (µs), `key` (the first operation's first key), `left` (for how many ms the
 * node's grants do not count), `began` (when its memory began, in µs; 0: long ago), `goOnFrom` (as `anew`
 * above), `seen` (fields of the marker, `seen[5]` being `waits`, `seen[7]` `instant`, `seen[8]` `long`),
 * `mem` (as above, empty without one), `hasRecord` (whether `cur` and `prev`, seen[11] and seen[12], were
 * written in this memory).
 */

/**
 * How every script begins. On a shard of a Cluster the marker is not in the slot of the keys, and none of
 * them.
 */
export const MARKER = `
local call, try = redis.call, redis.pcall
local marker, key = ARGV[1], 1
if marker == '' then marker, key = KEYS[1], 2 end
`;

/** The node's time, in µs. */
export const CLOCK = `
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
`;

/** Instead of a run id. It costs the server some microseconds a call. */
export const ASK_FOR_RUN = '?';

/** The first half: what the clock and the marker say. */
export const READ_MARKER = `${MARKER}${CLOCK}
local quarantine, run = tonumber(ARGV[2]), ARGV[3]
if run == '${ASK_FOR_RUN}' then run = string.match(call('INFO', 'server'), 'run_id:(%x+)') end
local seen = call('HMGET', marker, 'run', 'since', 'longest', 'anew', 'waits', 'lifted', 'instant', 'long',
  'ttl', 'writes', 'cur', 'prev', 'of', 'by', 'mem', 'counted')
local since, lasts, anew = tonumber(seen[2]), tonumber(seen[3]) or 0, tonumber(seen[4]) or 0
local writes, oldTtl = (tonumber(seen[10]) or 0) + 1, tonumber(seen[9]) or 0
local lifted, isOtherRun = tonumber(seen[6]), run ~= '' and seen[1] ~= run
local began, goOnFrom, mem = since, anew, seen[15] or ''
local hasRecord = seen[13] and seen[13] == mem and (run == '' or ARGV[4] ~= '' or seen[14] == run)
local function beginMemory()
  began = now
  -- Clients of fewer than three nodes write a record and no \`since\`: such a node has forgotten nothing.
  if quarantine > 0 and (since or not hasRecord) then mem, hasRecord = string.format('%.0f', now), false end
end
if not since or since > now or isOtherRun and seen[1] and seen[1] ~= '' and ARGV[4] == '' then
  beginMemory()
end
`;

/**
 * The second half: what follows from it, which is written down where it is news.
 *
 * Without a quarantine the node votes at once in every run. But another run may have come back with earlier
 * counters, so these go on from the time. Should that not be written, the next call finds it out again.
 */
export const JUDGE_MEMORY = `
local left = 0
if quarantine == 0 then
  began = 0
  if run ~= '' and seen[16] ~= run then
    goOnFrom = math.max(anew, now)
    try('HSET', marker, 'counted', run, 'anew', goOnFrom, 'writes', writes)
  end
else
  local longest = math.max(quarantine, lasts, oldTtl)
  local over = began + longest * 1000
  if lifted == began then
    over = began
  elseif began > 0 and goOnFrom < over then
    goOnFrom = over
  end
  if began ~= since or isOtherRun or longest ~= lasts or goOnFrom ~= anew or lifted ~= tonumber(seen[6]) then
    if not since then call('HSET', marker, 'born', now) end
    call('HSET', marker, 'run', run ~= '' and run or seen[1] or '', 'since', began, 'longest', longest,
      'anew', goOnFrom, 'lifted', lifted or '', 'mem', mem, 'id', call('HGET', marker, 'id') or ARGV[5],
      'writes', writes)
  end
  if over > now then left = math.ceil((over - now) / 1000) end
end
`;

/** Names the present memory of the server, for whoever writes its record. */
export const MEMORY = `(ARGV[4] == '' and run or '') .. ' ' .. mem`;

export const GUARD = READ_MARKER + JUDGE_MEMORY;

/**
 * Comes after the guard in scripts that have a deadline. A request that waited in a socket, or was sent
 * twice, writes nothing after it.
 *
 * ARGV[6]  until when the call may act, in µs of the node's time
 */
export const DEADLINE = `
if now > tonumber(ARGV[6]) then return {now, left, 'late'} end
`;

/**
 * Comes after the deadline in scripts that vote. A vote counts in one list of nodes, so the server must know
 * it as its present list or the one before. Otherwise two clients could each find a majority of their own.
 *
 * ARGV[7]  the id of the list; empty: the client keeps none, and is not checked
 */
export const LIST = `
if ARGV[7] ~= '' and not (hasRecord and (seen[11] == ARGV[7] or seen[12] == ARGV[7])) then
  return {now, left, 'mismatch'}
end
`;
