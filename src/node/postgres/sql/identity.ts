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
    || case when current_setting('fsync') = 'off' 
      then '/' || (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint else '' end;
end $$;

create or replace function ${q}.seen_v1(in_run text) returns text language sql volatile as $$
  select (pg_current_wal_flush_lsn() - '0/0')::bigint || '@' || in_run
$$;

create or replace function ${q}.same_run_v1(one text, other text) returns boolean language sql immutable as $$
  select one = other or (split_part(one, '/', 1) = '' or split_part(other, '/', 1) = '')
    and substr(one, position('/' in one)) = substr(other, position('/' in other))
$$;
`;
