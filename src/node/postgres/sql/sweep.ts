/** How long a waiter that was told, see `waiterFunctions`, keeps its place. */
const TOLD_LIVES_US = 3_600_000_000;
/** How many rows are deleted at once. */
const SWEPT_ROWS = 5_000;

/** Rows that a vote has locked are left for the next time: waiting for them could be a deadlock. */
const sweep = (q: string, table: string, isUnneeded: string): string => `
  delete from ${q}.${table} where ctid = any (array(
    select ctid from ${q}.${table} where prefix = in_prefix and ${isUnneeded}
      limit ${SWEPT_ROWS} for update skip locked));`;

/**
 * Once a minute a look deletes rows that nobody needs any more, some thousands at a time. While there are
 * more of them, the next look goes on.
 */
export const sweepFunction = (q: string): string => `
create or replace function ${q}.sweep_v1(in_prefix text, in_now bigint) returns void language plpgsql as $$
declare
  swept_rows bigint;
begin
  update ${q}.marker set swept = in_now
    where prefix = in_prefix and (swept < in_now - 60000000 or swept > in_now);
  if not found then return; end if;
  ${sweep(q, 'lease', 'keep < in_now and (holder is null or expires <= in_now)')}
  get diagnostics swept_rows = row_count;
  if swept_rows = ${SWEPT_ROWS} then update ${q}.marker set swept = 0 where prefix = in_prefix; end if;
  ${sweep(q, 'waiter', `greatest(expires, ${TOLD_LIVES_US} - expires) < in_now`)}
  ${sweep(q, 'note', 'keep < in_now')}
end $$;
`;
