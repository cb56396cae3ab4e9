import { CLOCK } from './guard.js';
import { UNLIST } from './instant.js';
import { ENLIST, WAKE_FIRST } from './wait-list.js';

/**
 * What a release needs for lists of waiters and for long leases, where there may be any. Needs `waits` and
 * `long` (until when there may be a list, and a long lease), `keep`, `waiter`, `life` and `channel`, see the
 * script `release`. Leaves `tell` and `unlist`, nil where they have nothing to do.
 */
export const PREPARE_RELEASE = `
local tell, unlist
if long > 0 then
  ${CLOCK}
  if long * 1000 > now then
    ${UNLIST}
  end
end
if waits > 0 or waiter ~= '' then
  ${CLOCK}
  if waits * 1000 > now or waiter ~= '' then
    ${ENLIST}${WAKE_FIRST}
    tell = function(lock, list)
      if waiter ~= '' then enlist(list, waiter, life) end
      return wakeFirst(lock, list)
    end
  end
end
`;

/** Releases a lock that is the holder's. `list` is its wait list, as Lua; `told` counts who was told. */
export const releaseLock = (list: string): string => `
      isFound = true
      if keep == '0' then call('DEL', lock) else call('PEXPIRE', lock, keep) end
      if unlist then unlist(lock, holder, keep) end
      if tell then told = told + tell(lock, ${list}) end
`;
