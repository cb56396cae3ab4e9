/** The kind of an advisory lock of this library that keeps votes and writes of the marker apart. */
const MARKER_LOCK = 0x716c6d;

/** How long a statement waits for a lock that another transaction has. */
const PATIENCE_MS = 5_000;

/**
 * Another transaction may have locked the rows, and keep them for hours. The client gives up before that. Its
 * statement would go on in the server, with one more backend for every new attempt, so it gives up as well.
 */
export const PATIENCE = `if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '${PATIENCE_MS}', true);
  end if;`;

/** Votes may go on beside each other, but not beside a write of the record. */
export const SHARED_LOCK = `perform pg_advisory_xact_lock_shared(${MARKER_LOCK}, hashtext(in_prefix));`;

/** Writes of the record go one after the other, when the votes under way have ended. */
export const EXCLUSIVE_LOCK = `perform pg_advisory_xact_lock(${MARKER_LOCK}, hashtext(in_prefix));`;
