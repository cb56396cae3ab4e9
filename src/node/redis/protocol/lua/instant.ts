import { LONGEST_QUARANTINE_MS } from '../../../../core/quarantine.js';

/**
 * A lease with a longer TTL than this, in milliseconds, is listed by itself. A lease with a shorter one only
 * raises the node's instant, which a release does not lower. So a long TTL makes a quarantine long only while
 * such a lease is out.
 */
const LONG_TTL_MS = 60_000;

/**
 * A lease counts for so long at most, in milliseconds: no quarantine is longer, and Lua's numbers have to
 * hold an instant.
 */
export const LONGEST_LISTED_MS = LONGEST_QUARANTINE_MS;

/** An instant is rounded up by this, in milliseconds, so that a busy node writes it once in a second. */
const COARSE_MS = 1_000;

/**
 * Raises the node's instant before keys are set or prolonged. It tells other nodes how long there may be a
 * lease for which this node voted. Needs the TTL in ms as `ttlMs`; leaves `expires` (when keys expire that
 * are set now, in ms) and `list` (which lists a long lease by its key and holder; nil where the TTL is not
 * long).
 *
 * The list is a sorted set beside the marker, by the instants at which the keys expire.
 */
export const RAISE_INSTANT = `
local expires, list = math.ceil(now / 1000) + ttlMs, nil
if ttlMs <= ${LONG_TTL_MS} then
  if (tonumber(seen[7]) or 0) < expires then
    call('HSET', marker, 'instant', expires + ${COARSE_MS}, 'writes', writes)
  end
else
  if (tonumber(seen[8]) or 0) < expires then
    call('HSET', marker, 'long', expires + ttlMs, 'longest', math.max(ttlMs, quarantine, lasts, oldTtl),
      'writes', writes)
  end
  list = function(lock, holder)
    local leases, entry = marker .. ':long', lock .. '\\n' .. holder
    if (tonumber(call('ZSCORE', leases, entry)) or 0) < expires then call('ZADD', leases, expires, entry) end
    if call('PTTL', leases) < ttlMs then call('PEXPIRE', leases, ttlMs + ${COARSE_MS}) end
  end
end
`;

/**
 * Takes a holder off the list of long leases where its key is deleted, or lowers its instant where the key is
 * left `keep` ms to live. Only the key's owner gets here. A release says no TTL, so the marker tells whether
 * there may be a list. Needs `now`, and leaves `unlist`.
 */
export const UNLIST = `
unlist = function(lock, holder, keep)
  local leases, entry = marker .. ':long', lock .. '\\n' .. holder
  if keep == '0' then
    call('ZREM', leases, entry)
  else
    local expires = math.ceil(now / 1000) + keep
    if (tonumber(call('ZSCORE', leases, entry)) or 0) > expires then call('ZADD', leases, expires, entry) end
  end
end
`;

/**
 * For how many ms a key may still live that was set or prolonged here, as `out`. A client of version 0.1
 * raises no instant. But it writes the field `ttl` at its first vote after that field became 0, and its keys
 * live no longer than that. So whatever it has set by now is over then, and the field is 0 again.
 *
 * To clients of version 0.1 the field is also the longest quarantine that any of them asks for. So it stays
 * until that is over; they do not know that a quarantine can be ended early.
 *
 * An instant that is further away than any TTL was written before the clock was set back. It is bounded by
 * the longest TTL of its kind, or the wait would last until the clock has caught up.
 */
export const TELL_OUT = `
local instant, ms = tonumber(seen[7]) or 0, math.ceil(now / 1000)
if oldTtl > 0 then
  instant = math.max(instant, ms + oldTtl)
  local isOver = began + oldTtl * 1000 <= now
  call('HSET', marker, 'instant', instant, 'ttl', isOver and 0 or oldTtl, 'writes', writes)
end
local longest = math.max(quarantine, lasts, oldTtl)
local out = math.min(instant - ms, math.max(${LONG_TTL_MS + COARSE_MS}, oldTtl))
if (tonumber(seen[8]) or 0) > ms then
  call('ZREMRANGEBYSCORE', marker .. ':long', '-inf', ms)
  local last = call('ZRANGE', marker .. ':long', -1, -1, 'WITHSCORES')[2]
  if last then out = math.max(out, math.min(tonumber(last) - ms, longest)) end
end
if out < 0 then out = 0 end
`;
