import { COMES_WITHIN_MS } from '../../../core/backoff.js';

/** The kind of an advisory lock of this library: a session has it while it listens for a waiter. */
export const LISTENER_LOCK = 0x716c77;

/** The channel of a waiter: a name of PostgreSQL has 63 bytes at most. */
const channelOf = (prefix: string, waiter: string): string =>
  `'quorlock_' || md5(${prefix} || ' ' || ${waiter})`;

/**
 * A waiter goes onto the list of a resource. One that is on it keeps its place.
 *
 * The first on a list that listens is told, by NOTIFY on its channel; those before it are gone. It keeps its
 * place until it has the resource or is told again, and its `expires` is the negative instant at which it was
 * told. If it is told again after long, it may have stopped, and the next one is told too. An advisory lock
 * tells whether somebody listens: the listening session shares it, and the server gives it back when the
 * session ends. It is shared, so that no session waits for another one.
 */
export const waiterFunctions = (q: string): string => `
create or replace function ${q}.enlist_v1(in_prefix text, in_resource text, in_waiter text, in_expires bigint)
returns void language sql volatile as $$
  insert into ${q}.waiter as w (prefix, resource, waiter, expires)
    values (in_prefix, in_resource, in_waiter, in_expires)
    on conflict (prefix, resource, waiter) do update set expires = case when w.expires < 0 then w.expires
      else greatest(w.expires, excluded.expires) end
$$;

create or replace function ${q}.tell_first_v1(in_prefix text, in_resource text, in_now bigint)
returns integer language plpgsql volatile as $$
declare
  first ${q}.waiter;
  is_heard boolean;
  told integer := 0;
begin
  for i in 1 .. 100 loop
    select * into first from ${q}.waiter w where w.prefix = in_prefix and w.resource = in_resource
      order by w.place limit 1;
    if not found then return told; end if;
    is_heard := not pg_try_advisory_xact_lock(${LISTENER_LOCK}, hashtext(first.waiter));
    if is_heard then
      perform pg_notify(${channelOf('in_prefix', 'first.waiter')}, in_resource);
      told := 1;
    end if;
    if is_heard and first.expires >= 0 then
      update ${q}.waiter w set expires = -in_now
        where w.prefix = in_prefix and w.resource = in_resource and w.waiter = first.waiter;
      return 1;
    end if;
    delete from ${q}.waiter w
      where w.prefix = in_prefix and w.resource = in_resource and w.waiter = first.waiter;
    if is_heard and in_now + first.expires < ${COMES_WITHIN_MS * 1_000} then return 1; end if;
  end loop;
  return told;
end $$;
`;
