import { isSound } from './sound-marker.js';

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
 * A marker that somebody else has written is thrown away: the node counts as one that lost its memory, though
 * the leases are still there.
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
    if not ${isSound('m')} then
      delete from ${q}.marker t where t.prefix = in_prefix and not ${isSound('t')};
      continue;
    end if;
    now_us := ${q}.now_v1();
    mem := m.mem;
    new_lifted := m.lifted;
    began := m.since;
    go_on_from := m.anew;
    is_other := not ${q}.same_run_v1(m.run, run);
    has_record := coalesce(m.made_in = m.mem and (in_durable or ${q}.same_run_v1(m.made_by, run)), false)
      -- Where somebody has changed the one and not the other, it would vote under no list that clients read.
      and strpos(m.record, m.cur) > 0 and strpos(m.record, m.prev) > 0;
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
    -- Another client was faster: it changed the number of writes. Then the marker is read again.
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
