import {
  BELIEVED_PART,
  COUNTER_AHEAD_MS,
  impossibleCounter,
  LEDGER_TTL_MS,
} from '../../../../core/fencing.js';

/** The greatest whole number that Lua, as JavaScript, tells from its neighbours: 2^53 - 1. */
const MAX_COUNTER = Number.MAX_SAFE_INTEGER;

/**
 * Which counters are believed, as `oldest` and `newest`. A counter is a time in µs that is counted up, so it
 * tells how old it is. Needs `fenceTtl`: how long a fence key lives after it was last written, in ms.
 *
 * One from before the end of the last quarantine may have come back with old data, while later ones were
 * given out. One from half a fence key's life back says that the key was not touched since. Between the two
 * bounds a counter needs neither care nor a new life for its key. One above `newest` was not made by
 * counting, see `COUNTER_AHEAD_MS`: it is neither used nor raised nor written anywhere.
 */
export const COUNTER_RANGE = `
local oldest, newest = now - fenceTtl * ${BELIEVED_PART * 1_000}, now + ${COUNTER_AHEAD_MS * 1_000}
if oldest < goOnFrom then oldest = goOnFrom end
`;

/** The message that names the key of an impossible counter. */
const [BEFORE, AFTER] = impossibleCounter('\n').split('\n');

/**
 * Reads and writes fence keys. `highest` is the highest counter that is possible, if that matters. One holds
 * \`counter\`, or \`counter:tick\` with the last tick that ran: one value, because a call costs more than
 * what it does. With a tick it lives as long as the ledger, else for \`ttl\` ms.
 *
 * A whole number goes to redis.call as it is and comes out whole up to 2^53. Lua's own tostring and .. write
 * one above 1e14 in exponent form, so a text is made with %.0f.
 */
export const FENCE = `
local function failAsTooFarAhead(fence)
  error({err = '${BEFORE}' .. fence .. '${AFTER}'})
end

local function readFence(fence, highest)
  local value = call('GET', fence)
  if not value then return nil, nil end
  local counter, tick = string.match(value, '^(%d+):?(%d*)$')
  counter = tonumber(counter)
  if not counter then error({err = fence .. ' holds something that is no fencing counter'}) end
  if counter > (highest or ${MAX_COUNTER}) then failAsTooFarAhead(fence) end
  return counter, tonumber(tick)
end

local function writeFence(fence, counter, tick, ttl)
  if tick then
    call('SET', fence, string.format('%.0f:%.0f', counter, tick), 'PX', '${LEDGER_TTL_MS}')
  else
    call('SET', fence, counter, 'PX', ttl)
  end
end
`;
