import { LEDGER_TTL_MS } from '../../../../core/fencing.js';
import { TICK_AHEAD_MS, TICK_FORGOTTEN, TICK_TOO_FAR_AHEAD } from '../../../../core/run.js';

/**
 * Reads and writes what is on record of a resource's latest tick. Beside the fence key, which holds the tick,
 * is a key that holds `tick:attempt:state`: the fence key of version 0.1 holds a counter and a tick, and
 * nothing else. So that key is believed only where its tick is the fence's. A tick without it was recorded by
 * version 0.1, which knows no end of a run, and counts as finished; its attempt is 0.
 *
 * Needs `tick` (of the request, in ms; nil: none), and from the guard `now`, `left`, `began` and
 * `quarantine`.
 */
export const RUNS = `
local function readRun(fence, ran)
  if not ran then return 0, nil end
  local last, attempt, state = string.match(call('GET', fence .. ':run') or '', '^(%d+):(%d+):(%a+)$')
  if tonumber(last) ~= ran then return 0, 'finished' end
  return tonumber(attempt), state
end

local function writeRun(fence, ran, attempt, state)
  local value = string.format('%.0f:%.0f:%s', ran, attempt, state)
  call('SET', fence .. ':run', value, 'PX', '${LEDGER_TTL_MS}')
end

-- Whoever came early for this tick, by a fast clock, may be on record in a memory that was lost.
local function isTooYoung()
  return left == 0 and began > 0 and began > (tick - math.max(quarantine, ${TICK_AHEAD_MS})) * 1000
end

local function failIfTooYoung()
  if isTooYoung() then error({err = "${TICK_FORGOTTEN}"}) end
end

local function failIfTooFarAhead()
  if tick * 1000 > now + ${TICK_AHEAD_MS * 1_000} then error({err = "${TICK_TOO_FAR_AHEAD}"}) end
end
`;
