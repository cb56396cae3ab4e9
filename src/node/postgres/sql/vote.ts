import { COUNTER_AHEAD_MS } from '../../../core/fencing.js';
import { acquire } from './acquire.js';
import { confirm } from './confirm.js';
import { extend } from './extend.js';
import { PATIENCE, SHARED_LOCK } from './locks.js';
import { release } from './release.js';
import { EMPTY_LIVES_US } from './tables.js';
import { wake } from './wake.js';

/**
 * vote: carries out any number of requests, in their order, and answers each. All of it is one transaction.
 *
 * First it locks the rows of all resources, in the order of their names, so that two calls never wait for
 * each other: rows that are missing are made, and those that are there are locked without a change. Only then
 * is the clock read, so that a call that waited for a lock is late if its deadline has passed.
 *
 * in_quarantine, in_durable, in_spare, in_seen: the guard's. in_requests: a list of objects, see
 * `encodeRequest`. Gives the time in µs; for how many ms grants do not count; the list of answers, each a
 * vote as the port has it, but for `late`, `mismatch`, `restored` and `error`; and what the client
 * has seen by now.
 */
export const voteFunction = (q: string): string => `
create or replace function ${q}.vote_v1(
  in_prefix text, in_quarantine bigint, in_durable boolean, in_spare text, in_seen text, in_requests jsonb
) returns jsonb language plpgsql volatile as $$
declare
  g record;
  r record;
  l ${q}.lease;
  now_us bigint;
  newest bigint;
  name text;
  answer jsonb;
  answers jsonb[] := '{}';
  refusing text;
  highest bigint;
  known integer;
  mine integer;
  giver_left bigint;
  told integer;
  is_restored boolean;
  is_recorded boolean;
begin
  -- A commit that is not on disk may be forgotten.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  ${PATIENCE}
  ${SHARED_LOCK}
  select * into g from ${q}.guard_v1(in_prefix, in_quarantine, in_durable, in_spare, in_seen, 'mark');
  insert into ${q}.lease as t (prefix, resource, keep)
    select in_prefix, names.one, g.now_us + ${EMPTY_LIVES_US} from (
      select distinct one collate "C" as one from jsonb_array_elements(in_requests) request,
        jsonb_array_elements_text(request -> 'resources') one order by 1) names
    on conflict (prefix, resource) do update set keep = t.keep where false;
  now_us := ${q}.now_v1();
  newest := now_us + ${COUNTER_AHEAD_MS * 1_000};
  for r in select * from jsonb_to_recordset(in_requests) as request(
    op text, resources text[], holder text, list text, deadline bigint, ttl bigint, seed bigint, tick bigint,
    retry boolean, tokens bigint, waiter text, lives bigint, token bigint, attempt integer, most bigint,
    restore text, keep bigint, run_state text, note_rank bigint, note_text text, note_most integer,
    note_success bigint, taken_from text)
  loop
    answer := null;
    if now_us > r.deadline then
      answer := jsonb_build_object('kind', 'late');
    elsif r.list <> '' and not (g.has_record and r.list in ((g.marker).cur, (g.marker).prev)) then
      answer := jsonb_build_object('kind', 'mismatch');
    elsif r.op = 'acquire' then${acquire(q)}
    elsif r.op = 'confirm' then${confirm(q)}
    elsif r.op = 'extend' then${extend(q)}
    elsif r.op = 'release' then${release(q)}
    else${wake(q)}
    end if;
    answers := answers || answer;
  end loop;
  return jsonb_build_array(now_us, g.left_ms, to_jsonb(answers), ${q}.seen_v1(g.run));
end $$;
`;
