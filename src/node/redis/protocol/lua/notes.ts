import { LEDGER_TTL_MS } from '../../../../core/fencing.js';
import { MOST_NOTES } from '../../../../core/run-history.js';
import { latestSuccessMs } from '../../../../core/run.js';

/** The latest instant of a success that is believed, as `latestSuccess`, in ms. Needs `now`. */
export const LATEST_SUCCESS = `local latestSuccess = math.floor(now / 1000) + ${latestSuccessMs(0)}`;

/**
 * Keeps what the end of a run leaves for those who ask later. Beside the fence key are two keys: with
 * `:history` a sorted set of the latest runs, by their tokens, and with `:success` the instant at which a run
 * last succeeded, in ms since 1970.
 *
 * `rank`, `note` and `success` are the words of an operation; `most` is how many notes are kept. Whatever
 * fails here, the operation goes on: so nothing raises. Lua raises where it takes a list apart that is too
 * long, so a list that somebody else has filled is shortened by a bounded number of notes at a time.
 */
export const KEEP_NOTE = `
${LATEST_SUCCESS}
local function keepNote(fence, rank, note, success)
  if note ~= '' then
    local list = fence .. ':history'
    try('ZADD', list, rank, note)
    local kept = try('ZCARD', list)
    local excess = type(kept) == 'number' and math.min(kept - most, ${MOST_NOTES}) or 0
    if excess > 0 then
      local old = try('ZRANGE', list, 0, excess - 1)
      if old[1] then try('ZREM', list, unpack(old)) end
    end
    try('PEXPIRE', list, '${LEDGER_TTL_MS}')
  end
  if success ~= '' then
    local known, own = try('GET', fence .. ':success'), math.min(tonumber(success), latestSuccess)
    known = type(known) == 'string' and tonumber(known) or 0
    if not (known > own and known <= latestSuccess) then known = own end
    try('SET', fence .. ':success', string.format('%.0f', known), 'PX', '${LEDGER_TTL_MS}')
  end
end
`;
