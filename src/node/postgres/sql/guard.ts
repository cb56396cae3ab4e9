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
const EXCLUSIVE_LOCK = `perform pg_advisory_xact_lock(${MARKER_LOCK}, hashtext(in_prefix));`;

/** Numbers of microseconds since 1970, by the clock of the server. */
export const clockFunction = (q: string): string => `
create or replace function ${q}.now_v1() returns bigint language sql volatile parallel unsafe as
$$ select (extract(epoch from clock_timestamp()) * 1000000)::bigint $$;
`;

/**
 * What has one memory: the system identifier of the cluster, its timeline, the table itself, and where writes
 * are not flushed (fsync is off), the start of the server. A restored backup or a promoted standby is on
 * another timeline; a dump that was read in again has another table; a copy in another cluster has another
 * identifier. The identifier is empty where the role may not read it, and then it is not compared.
 *
 * What a client has seen of it is that name, and how much was written to the cluster: an older copy of its
 * folder has the same name, and has written less.
 */
export const identityFunctions = (q: string): string => `
create or replace function ${q}.run_v1() returns text language plpgsql volatile as $$
declare
  known text := '';
begin
  if has_function_privilege('pg_catalog.pg_control_system()', 'execute') then
    select system_identifier::text into known from pg_catalog.pg_control_system();
  end if;
  return known || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) || '/'
    || '${q}.lease'::regclass::oid
    || case when current_setting('fsync') = 'off' then '/' || pg_postmaster_start_time() else '' end;
end $$;

create or replace function ${q}.seen_v1(in_run text) returns text language sql volatile as $$
  select (pg_current_wal_flush_lsn() - '0/0')::bigint || '@' || in_run
$$;

create or replace function ${q}.same_run_v1(one text, other text) returns boolean language sql immutable as $$
  select one = other or (split_part(one, '/', 1) = '' or split_part(other, '/', 1) = '')
    and substr(one, position('/' in one)) = substr(other, position('/' in other))
$$;
`;

/**
 * The guard, with which every function begins whose answer depends on what the node remembers. It does what
 * the guard of a Redis node does, see there: it reads the clock and the marker, and begins a new memory where
 * the marker says that the present one is another.
 *
 * in_quarantine: in ms; 0 switches the guard off. in_durable: the operator's word that the node keeps its
 * data. in_spare: the node's id, should the marker have none. in_seen: what the client has seen of the node,
 * as it was told; empty: nothing. in_command: see `GuardCommand`. A quarantine is not lifted early: what has
 * begun here may be a standby, and the primary before it may still vote for clients that cannot see that,
 * until `maxTtlMs` has passed.
 *
 * Without a quarantine the node votes at once, but its counters go on from the time, so that tokens grow
 * although the latest of them may be forgotten.
 *
 * Gives the time, for how many ms grants do not count (-1 without a marker), when the memory began, and the
 * rest of what the marker says.
 */
export const guardFunction = (q: string): string => `
create or replace function ${q}.guard_v1(
  in_prefix text, in_quarantine bigint, in_durable boolean, in_spare text, in_seen text, in_command text,
  out now_us bigint, out left_ms bigint, out began bigint, out go_on_from bigint, out mem text,
  out has_record boolean, out run text, out marker ${q}.marker
) language plpgsql volatile as $$
declare
  m ${q}.marker;
  is_other boolean;
  is_behind boolean;
  new_lifted bigint;
  new_longest bigint;
  over bigint;
begin
  run := ${q}.run_v1();
  is_behind := split_part(in_seen, '@', 2) = run
    and split_part(in_seen, '@', 1)::bigint > split_part(${q}.seen_v1(run), '@', 1)::bigint;
  loop
    select * into m from ${q}.marker t where t.prefix = in_prefix;
    if not found then
      insert into ${q}.marker (prefix) values (in_prefix) on conflict do nothing;
      continue;
    end if;
    now_us := ${q}.now_v1();
    mem := m.mem;
    new_lifted := m.lifted;
    began := m.since;
    go_on_from := m.anew;
    is_other := not ${q}.same_run_v1(m.run, run);
    has_record := coalesce(m.made_in = m.mem and (in_durable or ${q}.same_run_v1(m.made_by, run)), false);
    if in_quarantine > 0 and m.since is null and in_command in ('look', 'identify') then
      left_ms := -1;
      marker := m;
      return;
    end if;
    if m.since is null or m.since > now_us or (is_other and m.run <> '' or is_behind) and not in_durable
      or in_command = 'quarantine' then
      began := now_us;
      if in_quarantine > 0 and (m.since is not null or not has_record) then
        mem := now_us::text;
        has_record := false;
      end if;
    end if;
    left_ms := 0;
    if in_quarantine = 0 then
      began := 0;
      go_on_from := m.alone_anew;
      marker := m;
      if ${q}.same_run_v1(m.alone_run, run) and not is_behind then return; end if;
      go_on_from := case when m.alone_run = '' then 0 else now_us end;
      update ${q}.marker t set alone_run = guard_v1.run, alone_anew = guard_v1.go_on_from
        where t.prefix = in_prefix and t.alone_run = m.alone_run and t.alone_anew = m.alone_anew
        returning t.* into m;
      if not found then continue; end if;
      marker := m;
      return;
    end if;
    if in_command = 'first use' and m.since is null then began := 0; end if;
    if in_command = 'trust' and (m.since is distinct from 0 or is_other) then
      if m.since is not null then new_lifted := began; else began := 0; end if;
      go_on_from := greatest(go_on_from, now_us);
    end if;
    new_longest := greatest(in_quarantine, m.longest);
    over := began + new_longest * 1000;
    if new_lifted = began then
      over := began;
    elsif began > 0 and go_on_from < over then
      go_on_from := over;
    end if;
    if over > now_us then left_ms := ceil((over - now_us) / 1000.0); end if;
    if began is not distinct from m.since and not is_other and new_longest = m.longest
      and go_on_from = m.anew and new_lifted is not distinct from m.lifted then
      marker := m;
      return;
    end if;
    -- Whoever was faster has changed the number of writes. Then the marker is read again.
    update ${q}.marker t set run = guard_v1.run, since = guard_v1.began, longest = new_longest,
        anew = guard_v1.go_on_from, lifted = new_lifted, mem = guard_v1.mem,
        born = case when m.since is null then guard_v1.now_us else t.born end,
        id = case when t.id = '' then in_spare else t.id end, writes = t.writes + 1
      where t.prefix = in_prefix and t.writes = m.writes
      returning t.* into m;
    if found then
      marker := m;
      return;
    end if;
  end loop;
end $$;
`;

/** For how long the key of a row lives, in µs. If the clock was set back since, its life begins anew. */
export const leftUs = (now: string): string => `(expires - greatest(${now}, set_at))`;

/**
 * For how many ms a key may still live that was set or prolonged here. A key that its owner released is over
 * at once: the owner used it no more.
 */
const outMs = (q: string, now: string): string =>
  `greatest(0, coalesce((select ceil(max(${leftUs(now)}) / 1000.0) from ${q}.lease
    where prefix = in_prefix and holder is not null), 0))::bigint`;

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
  -- Of several clients that give a new node its id at the same time, one does.
  if in_command = 'identify' then ${EXCLUSIVE_LOCK} end if;
  select * into g from ${q}.guard_v1(in_prefix, in_quarantine, in_durable, in_spare, in_seen, in_command);
  m := g.marker;
  if in_command = 'identify' and (m.id = '' or not g.has_record and m.id = in_replaced) then
    update ${q}.marker t set id = in_word, mem = case when t.mem = '' then g.now_us::text else t.mem end
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

/** So many rows are thrown away at once. */
const SWEPT_ROWS = 5_000;

/** Rows that a vote has locked are left for the next time: waiting for them could be a deadlock. */
const sweep = (q: string, table: string, isUnneeded: string): string => `
  delete from ${q}.${table} where ctid = any (array(
    select ctid from ${q}.${table} where prefix = in_prefix and ${isUnneeded}
      limit ${SWEPT_ROWS} for update skip locked));`;

/**
 * Once in a minute somebody throws away rows that nobody needs any more, some thousands at a time. While
 * there are more of them, whoever looks next goes on.
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
  ${sweep(q, 'waiter', 'expires < in_now')}
  ${sweep(q, 'note', 'keep < in_now')}
end $$;
`;
