import { impossibleCounter } from '../../../core/fencing.js';
import { TICK_AHEAD_MS } from '../../../core/run.js';

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const [BEFORE = '', AFTER = ''] = impossibleCounter('\n').split('\n');

/** The answer about a counter that counting cannot have led to. */
export const impossible = (where: string): string =>
  `jsonb_build_object('kind', 'error', 'message', ${literal(BEFORE)} || ${where} || ${literal(AFTER)})`;

/** The answer of a request that failed on this node. */
export const error = (text: string): string =>
  `jsonb_build_object('kind', 'error', 'message', ${literal(text)})`;

/** Another holder has the key of the row `l`. */
export const HELD = `jsonb_build_object('kind', 'refused', 'reason', 'held', 'owner', l.holder,
  'remainingMs', (l.expires - now_us) / 1000)`;

/** The tick, or a later one, is on record in the row `l`. */
export const ALREADY_RAN = `jsonb_build_object('kind', 'refused', 'reason', 'already_ran',
  'run', jsonb_build_object('tick', l.tick, 'attempt', l.attempt, 'state', l.state))`;

/** Nobody has the key. */
export const ABSENT = `jsonb_build_object('kind', 'refused', 'reason', 'absent')`;

/**
 * Whether the memory is too young to know of the tick: a client whose clock is ahead may have run it early,
 * and be on record in the memory that was lost.
 */
export const TOO_YOUNG = `g.left_ms = 0 and g.began > 0
  and g.began > (r.tick - greatest(in_quarantine, ${TICK_AHEAD_MS})) * 1000`;
