import { outMs } from './key-life.js';
import { EXCLUSIVE_LOCK, PATIENCE } from './locks.js';

/**
 * record: writes the lists of nodes that the node votes in, if nobody has written them since the client read
 * them, and the node still has the memory that it had then. Votes that are under way end first.
 *
 * in_wait: how many ms have to pass before the record is in force; 0: as many as keys live; -1: none.
 * Gives 'late', 'changed' or 'written'.
 */
export const recordFunction = (q: string): string => `
create or replace function ${q}.record_v1(
  in_prefix text, in_quarantine bigint, in_durable boolean, in_spare text, in_seen text, in_deadline bigint,
  in_memory text, in_sequence bigint, in_cur text, in_prev text, in_record text, in_wait bigint
) returns text language plpgsql volatile as $$
declare
  g record;
  m ${q}.marker;
  force bigint;
begin
  ${PATIENCE}
  ${EXCLUSIVE_LOCK}
  select * into g from ${q}.guard_v1(in_prefix, in_quarantine, in_durable, in_spare, in_seen, 'mark');
  m := g.marker;
  if ${q}.now_v1() > in_deadline then return 'late'; end if;
  if (case when in_durable then '' else g.run end || ' ' || g.mem) <> in_memory
    or m.seq <> in_sequence then
    return 'changed';
  end if;
  if in_wait < 0 then
    force := greatest(g.now_us, case when g.has_record then m.in_force else 0 end);
  else
    force := g.now_us + 1000 * case when in_wait > 0
      then greatest(${outMs(q, 'g.now_us')}, in_wait, m.longest) else ${outMs(q, 'g.now_us')} end;
  end if;
  update ${q}.marker t set cur = in_cur, prev = in_prev, made_in = g.mem, made_by = g.run,
    record = in_record, seq = t.seq + 1, in_force = force, wrote = g.now_us
    where t.prefix = in_prefix;
  return 'written';
end $$;
`;
