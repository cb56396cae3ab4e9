import { LEDGER_TTL_MS } from '../../../../core/fencing.js';

/**
 * Keeps what the end of a run leaves for those who ask later. Beside the fence key are two keys: with
 * `:history` a sorted set of the latest runs, by their tokens, and with `:success` the instant at which a run
 * last succeeded, in ms since 1970.
 *
 * `rank`, `note` and `success` are the words of an operation; `most` is how many notes are kept. Whatever
 * fails here, the operation goes on: so nothing raises.
 */
export const KEEP_NOTE = `
local function keepNote(fence, rank, note, success)
  if note ~= '' then
    local list = fence .. ':history'
    try('ZADD', list, rank, note)
    local old = try('ZRANGE', list, 0, -most - 1)
    if old[1] then try('ZREM', list, unpack(old)) end
    try('PEXPIRE', list, '${LEDGER_TTL_MS}')
  end
  if success ~= '' then
    local known = try('GET', fence .. ':success')
    if type(known) ~= 'string' or (tonumber(known) or 0) < tonumber(success) then known = success end
    try('SET', fence .. ':success', known, 'PX', '${LEDGER_TTL_MS}')
  end
end
`;
