/** The kind of an advisory lock of this library: a session has it while it listens for a waiter. */
export const LISTENER_LOCK = 0x716c77;

/** The channel of a waiter: a name of PostgreSQL has 63 bytes at most. */
const channelOf = (prefix: string, waiter: string): string =>
  `'quorlock_' || md5(${prefix} || ' ' || ${waiter})`;

/**
 * A waiter goes onto the list of a resource. One that is on it keeps its place.
 *
 * The first on a list that listens is told, by NOTIFY on its channel, and taken off; those before it are
 * gone. An advisory lock tells whether somebody listens: the listening session shares it, and the server
 * gives it back when the session ends. It is shared, so that no session waits for another one.
 */
export const waiterFunctions = (q: string): string => `
create or replace function ${q}.enlist_v1(in_prefix text, in_resource text, in_waiter text, in_expires bigint)
returns void language sql volatile as $$
  insert into ${q}.waiter as w (prefix, resource, waiter, expires)
    values (in_prefix, in_resource, in_waiter, in_expires)
    on conflict (prefix, resource, waiter) do update set expires = greatest(w.expires, excluded.expires)
$$;

create or replace function ${q}.tell_first_v1(in_prefix text, in_resource text)
returns integer language plpgsql volatile as $$
declare
  first text;
begin
  for i in 1 .. 100 loop
    delete from ${q}.waiter w where w.prefix = in_prefix and w.resource = in_resource and w.place = (
      select min(place) from ${q}.waiter o where o.prefix = in_prefix and o.resource = in_resource)
      returning w.waiter into first;
    if not found then return 0; end if;
    if not pg_try_advisory_xact_lock(${LISTENER_LOCK}, hashtext(first)) then
      perform pg_notify(${channelOf('in_prefix', 'first')}, in_resource);
      return 1;
    end if;
  end loop;
  return 0;
end $$;
`;
