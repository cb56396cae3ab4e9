import { outMs } from './key-life.js';
import { EXCLUSIVE_LOCK, PATIENCE } from './locks.js';

/**
 * look: the guard alone, with a command. Its answer is that of the script `guard` of a Redis node: the time
 * in µs; for how many ms grants do not count; the id; nothing; the name of the memory; its age in ms; for how
 * long a key may live, in ms; the longest quarantine that anybody asked for; when the marker was first
 * written; how much has been written to the cluster, which an older copy of its folder has less of; then of
 * the record its memory, its number, its text, in how many ms it is in force, and
 * its age. Then what a client should know of the server: what it is, and cautions.
 */
export const lookFunction = (q: string): string => `
create or replace function ${q}.look_v1(
  in_prefix text, in_quarantine bigint, in_durable boolean, in_spare text, in_seen text, in_command text,
  in_word text, in_replaced text
) returns jsonb language plpgsql volatile as $$
declare
  g record;
  m ${q}.marker;
  changed ${q}.marker;
begin
  ${PATIENCE}
  -- If several clients give a new node its id at the same time, only one of them does.
  if in_command = 'identify' then ${EXCLUSIVE_LOCK} end if;
  select * into g from ${q}.guard_v1(in_prefix, in_quarantine, in_durable, in_spare, in_seen, in_command);
  m := g.marker;
  if in_command = 'identify' and (m.id = '' or not g.has_record and m.id = in_replaced) then
    -- A record that was planned for the node under its old id is not written any more.
    update ${q}.marker t set id = in_word, mem = case when t.mem = '' then g.now_us::text else t.mem end,
        seq = case when t.id = '' then t.seq else t.seq + 1 end
      where t.prefix = in_prefix returning t.* into m;
    g.mem := m.mem;
  end if;
  -- The clock was set back since. All that was to be waited for begins anew, so it is no longer than it was.
  if g.has_record and m.wrote > g.now_us then
    update ${q}.marker t set in_force = g.now_us + t.in_force - t.wrote, wrote = g.now_us
      where t.prefix = in_prefix and t.seq = m.seq and t.wrote = m.wrote returning t.* into changed;
  elsif not g.has_record and nullif(g.mem, '')::bigint > g.now_us then
    update ${q}.marker t set mem = g.now_us::text
      where t.prefix = in_prefix and t.seq = m.seq and t.mem = m.mem returning t.* into changed;
  end if;
  -- Unless another client was faster: then the next look tells.
  if changed.prefix is not null then
    m := changed;
    g.mem := m.mem;
  end if;
  if g.left_ms >= 0 then perform ${q}.sweep_v1(in_prefix, g.now_us); end if;
  return jsonb_build_object('about', jsonb_build_object(
      'run', g.run,
      'seen', ${q}.seen_v1(g.run),
      'isolation', current_setting('transaction_isolation'),
      'fsync', current_setting('fsync'),
      'commit', current_setting('synchronous_commit')),
    'reply', case when g.left_ms < 0 then jsonb_build_array(g.now_us, -1, '', '')
    else jsonb_build_array(g.now_us, g.left_ms,
      case when m.id <> '' then m.id when in_quarantine > 0 then in_spare else '' end, '',
      m.run || ':' || g.began, floor((g.now_us - g.began) / 1000.0)::bigint,
      case when in_quarantine > 0 then ${outMs(q, 'g.now_us')} else 0 end,
      m.longest, m.born, (pg_current_wal_flush_lsn() - '0/0')::bigint,
      case when in_durable then '' else g.run end || ' ' || g.mem, m.seq,
      case when g.has_record then m.record else '' end,
      greatest(0, ceil((coalesce(m.in_force, 0) - g.now_us) / 1000.0))::bigint,
      greatest(0, floor((g.now_us - coalesce(case when g.has_record then m.wrote
        else nullif(g.mem, '')::bigint end, g.now_us)) / 1000.0))::bigint) end);
end $$;
`;
