const HOUR_US = 3_600_000_000;

/** A counter lives for a day after it was last touched, with a tick on record for a week, as on Redis. */
export const COUNTER_LIVES_US = 24 * HOUR_US;
export const RUN_LIVES_US = 7 * 24 * HOUR_US;

/** A row that says nothing lives for a minute. */
export const EMPTY_LIVES_US = 60_000_000;

/**
 * The tables, in the schema `q`. Instants are microseconds since 1970 by the clock of the database server,
 * as everywhere in these functions.
 *
 * `lease` has a row for each resource. Its columns that change have no index, so that PostgreSQL can change a
 * row in its place (HOT), for which a page is left half empty.
 * - holder: the holder id of the key; null, or an `expires` in the past: there is no key
 * - set_at: when the key was last set or prolonged; in the future if the clock was set back since
 * - counter: the fencing counter; null: there is none
 * - tick, attempt, state: the latest tick on record, see `RunRecord`
 * - last_success: when a run last succeeded, in ms
 * - keep: until when the row is kept although there is no key
 *
 * `marker` has a row for each key prefix: what the node knows of its own memory. The columns mean what the
 * fields of a Redis node's marker mean. `alone_run` and `alone_anew` are what `run` and `anew` are, for
 * clients without a quarantine.
 *
 * `waiter` has a row for each process that waits for a resource, and `note` one for each past run.
 */
export const tables = (q: string): string => `
do $$ begin
  -- Whoever owns the schema need not be allowed to make another one.
  if to_regnamespace('${q}') is null then create schema if not exists ${q}; end if;
end $$;

create table if not exists ${q}.lease (
  prefix text collate "C" not null,
  resource text collate "C" not null,
  holder text collate "C",
  expires bigint not null default 0,
  set_at bigint not null default 0,
  counter bigint,
  tick bigint,
  attempt integer,
  state text collate "C",
  last_success bigint,
  keep bigint not null,
  primary key (prefix, resource)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

create table if not exists ${q}.marker (
  prefix text collate "C" primary key,
  id text not null default '',
  run text not null default '',
  since bigint,
  longest bigint not null default 0,
  anew bigint not null default 0,
  lifted bigint,
  born bigint not null default 0,
  writes bigint not null default 0,
  mem text not null default '',
  made_in text,
  made_by text,
  cur text not null default '',
  prev text not null default '',
  record text not null default '',
  seq bigint not null default 0,
  in_force bigint,
  wrote bigint,
  swept bigint not null default 0,
  alone_run text not null default '',
  alone_anew bigint not null default 0
) with (fillfactor = 50);

create table if not exists ${q}.waiter (
  prefix text collate "C" not null,
  resource text collate "C" not null,
  waiter text collate "C" not null,
  place bigint generated always as identity,
  expires bigint not null,
  primary key (prefix, resource, waiter)
);

create table if not exists ${q}.note (
  prefix text collate "C" not null,
  resource text collate "C" not null,
  rank bigint not null,
  place bigint generated always as identity,
  note text collate "C" not null,
  keep bigint not null,
  primary key (prefix, resource, note)
);

create table if not exists ${q}.migration (
  version integer primary key,
  applied_at timestamptz not null default clock_timestamp()
);
`;
