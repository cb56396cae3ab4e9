import { COUNTER_AHEAD_MS, impossibleCounter, SEED_MARGIN_MS } from '../../../core/fencing.js';
import { TICK_AHEAD_MS, TICK_FORGOTTEN, TICK_TOO_FAR_AHEAD } from '../../../core/run.js';
import { PATIENCE, SHARED_LOCK } from './guard.js';

const HOUR_US = 3_600_000_000;
/** A counter lives for a day after it was last touched, with a tick on record for a week, as on Redis. */
const COUNTER_LIVES_US = 24 * HOUR_US;
const RUN_LIVES_US = 7 * 24 * HOUR_US;
/** A row that says nothing lives for a minute. */
const EMPTY_LIVES_US = 60_000_000;

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const [BEFORE = '', AFTER = ''] = impossibleCounter('\n').split('\n');

/** The answer about a counter that counting cannot have led to. */
const impossible = (where: string): string =>
  `jsonb_build_object('kind', 'error', 'message', ${literal(BEFORE)} || ${where} || ${literal(AFTER)})`;

const error = (text: string): string => `jsonb_build_object('kind', 'error', 'message', ${literal(text)})`;

const held = `jsonb_build_object('kind', 'refused', 'reason', 'held', 'owner', l.holder,
  'remainingMs', (l.expires - now_us) / 1000)`;

const run = (row: string): string =>
  `jsonb_build_object('tick', ${row}.tick, 'attempt', ${row}.attempt, 'state', ${row}.state)`;

const alreadyRan = `jsonb_build_object('kind', 'refused', 'reason', 'already_ran', 'run', ${run('l')})`;

const ABSENT = `jsonb_build_object('kind', 'refused', 'reason', 'absent')`;

/** The request's resources one after the other, each row as \`l\`; a key that has expired counts as none. */
const eachResource = (q: string, body: string): string => `
      foreach name in array r.resources loop
        select * into l from ${q}.lease t where t.prefix = in_prefix and t.resource = name;
        if l.set_at > now_us then
          -- The clock was set back since the key was set. It lives for no longer than it was to live then.
          update ${q}.lease t set expires = now_us + t.expires - t.set_at, set_at = now_us
            where t.prefix = in_prefix and t.resource = name returning t.* into l;
        end if;
        if l.expires <= now_us then l.holder := null; end if;
        ${body}
        exit when answer is not null;
      end loop;`;

/** Whoever came early for this tick, by a fast clock, may be on record in a memory that was lost. */
const TOO_YOUNG = `g.left_ms = 0 and g.began > 0
  and g.began > (r.tick - greatest(in_quarantine, ${TICK_AHEAD_MS})) * 1000`;

const acquire = (q: string): string => `
      highest := 0;
      known := 0;
      mine := 0;
      giver_left := 0;
      refusing := null;${eachResource(
        q,
        `
        if l.holder is not null and l.holder <> r.holder and l.holder is distinct from r.taken_from then
          answer := ${held};
          refusing := name;
          exit;
        end if;
        if l.holder is null and r.taken_from is not null then
          answer := ${ABSENT};
          exit;
        end if;
        if l.holder = r.holder then
          mine := mine + 1;
        elsif l.holder is not null then
          giver_left := greatest(giver_left, (l.expires - now_us + 999) / 1000);
        end if;
        if r.tick is not null then
          if l.tick is not null and (l.tick > r.tick or l.tick = r.tick
            and (l.state = 'finished' or l.state = 'started' and not coalesce(r.retry, false))) then
            answer := ${alreadyRan};
            exit;
          end if;
          if ${TOO_YOUNG} then answer := ${error(TICK_FORGOTTEN)}; end if;
          if r.tick * 1000 > now_us + ${TICK_AHEAD_MS * 1_000} then
            answer := ${error(TICK_TOO_FAR_AHEAD)};
          end if;
          if l.tick = r.tick then known := greatest(known, l.attempt); end if;
        end if;
        if r.seed is not null then
          if l.counter > newest then answer := ${impossible(`'of ' || name`)}; end if;
          if l.counter is null or l.counter < g.go_on_from then
            l.counter := greatest(coalesce(l.counter, 0), now_us - ${SEED_MARGIN_MS * 1_000},
              least(now_us + ${SEED_MARGIN_MS * 1_000}, r.seed));
          end if;
          highest := greatest(highest, l.counter);
        end if;`,
      )}
      if answer is null then
        answer := '{"kind": "granted"}';
        -- The same request a second time is one grant.
        if mine < cardinality(r.resources) then
          if r.taken_from is not null then
            answer := answer || jsonb_build_object('giverLeftMs', giver_left);
          end if;
          if r.seed is not null then highest := highest + r.tokens; end if;
          -- Never shortened: the giver may hold it for as long as its key would have lived.
          update ${q}.lease t set holder = r.holder, set_at = now_us,
            expires = greatest(now_us + r.ttl * 1000,
              case when t.holder = r.taken_from and t.expires > now_us then t.expires else 0 end),
            counter = case when r.seed is null then t.counter else highest end,
            keep = greatest(t.keep, t.expires, now_us + r.ttl * 1000
              + case when r.seed is null then 0 else ${COUNTER_LIVES_US} end)
            where t.prefix = in_prefix and t.resource = any (r.resources);
        end if;
        answer := answer || jsonb_build_object('counter', highest);
        if known > 0 then answer := answer || jsonb_build_object('attempt', known); end if;
        if r.waiter is not null then
          delete from ${q}.waiter w
            where w.prefix = in_prefix and w.resource = any (r.resources) and w.waiter = r.waiter;
          answer := answer || jsonb_build_object('waiting', coalesce((select max(n) from (
            select count(*) as n from ${q}.waiter w where w.prefix = in_prefix
              and w.resource = any (r.resources) and w.expires > now_us group by w.resource) counts), 0));
        end if;
      elsif refusing is not null and r.waiter is not null then
        perform ${q}.enlist_v1(in_prefix, refusing, r.waiter, now_us + r.lives * 1000);
      end if;`;

const confirm = (q: string): string => `
      if r.token > newest then
        answer := ${impossible(`'that is wanted of ' || array_to_string(r.resources, ', ')`)};
      else${eachResource(
        q,
        `
        if l.holder is null then
          answer := ${ABSENT};
        elsif l.holder <> r.holder then
          answer := ${held};
        elsif l.counter > newest then
          answer := ${impossible(`'of ' || name`)};
        elsif l.counter > r.token then
          answer := jsonb_build_object('kind', 'refused', 'reason', 'superseded', 'counter', l.counter);
        elsif r.tick is not null and l.tick is not null
          and (l.tick > r.tick or l.tick = r.tick and l.state = 'finished') then
          answer := ${alreadyRan};
        elsif r.tick is not null and ${TOO_YOUNG} then
          answer := ${error(TICK_FORGOTTEN)};
        end if;`,
      )}
      end if;
      if answer is null then
        update ${q}.lease t set counter = r.token,
          attempt = case when r.tick is null then t.attempt when t.tick = r.tick
            then greatest(t.attempt, r.attempt) else r.attempt end,
          state = case when r.tick is null then t.state else 'started' end,
          tick = coalesce(r.tick, t.tick),
          keep = greatest(t.keep, now_us + case when r.tick is null
            then ${COUNTER_LIVES_US} else ${RUN_LIVES_US} end)
          where t.prefix = in_prefix and t.resource = any (r.resources);
        answer := jsonb_build_object('kind', 'granted', 'counter', r.token);
      end if;`;

const extend = (q: string): string => `
      is_restored := false;
      if r.most > newest then
        answer := ${impossible(`'that is wanted of ' || array_to_string(r.resources, ', ')`)};
      else${eachResource(
        q,
        `
        if l.holder <> r.holder then
          answer := ${held};
        elsif l.holder is null and r.restore = 'never' then
          answer := ${ABSENT};
        elsif r.most is not null and l.counter > newest then
          answer := ${impossible(`'of ' || name`)};
        elsif r.token is not null and l.holder is not null and l.counter > r.most then
          answer := jsonb_build_object('kind', 'refused', 'reason', 'superseded', 'counter', l.counter);
        elsif r.token is not null and l.holder is null and l.counter > r.token then
          answer := ${ABSENT};
        elsif l.holder is null and l.counter is null then
          is_restored := true;
        end if;`,
      )}
      end if;
      if answer is null then
        update ${q}.lease t set holder = r.holder, set_at = now_us,
          expires = greatest(now_us + r.ttl * 1000,
            case when t.holder is not null and t.expires > now_us then t.expires else 0 end),
          counter = case when r.most is null then t.counter else greatest(r.most, coalesce(t.counter, 0)) end,
          keep = greatest(t.keep, now_us + r.ttl * 1000
            + case when r.most is null then 0 else ${COUNTER_LIVES_US} end)
          where t.prefix = in_prefix and t.resource = any (r.resources);
        answer := case when is_restored then jsonb_build_object('kind', 'restored')
          else jsonb_build_object('kind', 'granted', 'counter', coalesce(r.most, 0)) end;
      end if;`;

/**
 * Keeps a note of a run, and those with the highest ranks of the notes that are there; and when the latest
 * run succeeded.
 */
export const noteFunction = (q: string): string => `
create or replace function ${q}.note_v1(
  in_prefix text, in_resource text, in_rank bigint, in_text text, in_most integer, in_success bigint,
  in_keep bigint
) returns void language plpgsql volatile as $$
begin
  if in_text <> '' then
    insert into ${q}.note (prefix, resource, rank, note, keep)
      values (in_prefix, in_resource, in_rank, in_text, in_keep) on conflict do nothing;
    update ${q}.note set keep = in_keep where prefix = in_prefix and resource = in_resource;
    delete from ${q}.note n where n.prefix = in_prefix and n.resource = in_resource and n.place not in (
      select o.place from ${q}.note o where o.prefix = in_prefix and o.resource = in_resource
        order by o.rank desc, o.place desc limit in_most);
  end if;
  if in_success is not null then
    update ${q}.lease t
      set last_success = greatest(t.last_success, in_success), keep = greatest(t.keep, in_keep)
      where t.prefix = in_prefix and t.resource = in_resource;
  end if;
end $$;
`;

/** First what becomes of the run, whoever owns the keys; then the keys, and whoever waits for them. */
const release = (q: string): string => `
      mine := 0;
      told := 0;
      is_recorded := true;${eachResource(
        q,
        `
        if r.run_state = 'finished' then
          if l.counter is null then
            is_recorded := is_recorded and ${TOO_YOUNG};
          elsif l.tick is null or l.tick < r.tick or l.tick = r.tick and l.state <> 'finished'
            and l.attempt <= r.attempt then
            update ${q}.lease t set tick = r.tick, attempt = r.attempt, state = 'finished',
              keep = greatest(t.keep, now_us + ${RUN_LIVES_US})
              where t.prefix = in_prefix and t.resource = name;
          elsif l.tick = r.tick and l.state <> 'finished' then
            is_recorded := false;
          end if;
        end if;
        if r.note_rank is not null then
          perform ${q}.note_v1(in_prefix, name, r.note_rank, r.note_text, r.note_most, r.note_success,
            now_us + ${RUN_LIVES_US});
        end if;
        if l.holder = r.holder then
          mine := mine + 1;
          if r.run_state = 'open' and l.tick = r.tick and l.attempt = r.attempt and l.state = 'started' then
            update ${q}.lease t set state = 'open' where t.prefix = in_prefix and t.resource = name;
          end if;
          if r.keep > 0 then
            update ${q}.lease t set expires = now_us + r.keep * 1000, set_at = now_us,
              keep = greatest(t.keep, now_us + r.keep * 1000)
              where t.prefix = in_prefix and t.resource = name;
          else
            update ${q}.lease t set holder = null where t.prefix = in_prefix and t.resource = name;
          end if;
          if r.waiter is not null then
            perform ${q}.enlist_v1(in_prefix, name, r.waiter, now_us + r.lives * 1000);
          end if;
          told := told + ${q}.tell_first_v1(in_prefix, name);
        end if;`,
      )}
      if mine = 0 then
        answer := ${ABSENT};
      else
        answer := jsonb_build_object('kind', 'granted', 'counter', 0);
        if told > 0 then answer := answer || jsonb_build_object('waiting', told); end if;
      end if;
      if r.run_state = 'finished' then
        answer := answer || jsonb_build_object('recorded', is_recorded);
      end if;`;

const wake = (q: string): string => `${eachResource(
  q,
  `
        if l.holder is null then perform ${q}.tell_first_v1(in_prefix, name); end if;`,
)}
      answer := jsonb_build_object('kind', 'granted', 'counter', 0);`;

/**
 * vote: carries out any number of requests, in their order, and answers each. All of it is one transaction.
 *
 * First it locks the rows of all resources, in the order of their names, so that two calls never wait for
 * each other: rows that are missing are made, and those that are there are locked without a change. Only then
 * is the clock read, so that a call that waited for a lock is late if its deadline has passed.
 *
 * in_quarantine, in_durable, in_spare, in_seen: the guard's. in_requests: a list of objects, see
 * \`encodeRequest\`. Gives the time in µs; for how many ms grants do not count; the list of answers, each a
 * vote as the port has it, but for \`late\`, \`mismatch\`, \`restored\` and \`error\`; and what the client
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
