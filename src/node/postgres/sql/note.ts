import { latestSuccessMs } from '../../../core/run.js';

/** The latest instant of a success that is believed, in ms. */
const LATEST = `floor(extract(epoch from clock_timestamp()) * 1000)::bigint + ${latestSuccessMs(0)}`;

/** The column, where it is an instant that is believed. */
export const SUCCESS = `case when last_success between 0 and ${LATEST} then last_success end`;

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
      set last_success = greatest(case when t.last_success <= ${LATEST} then t.last_success end,
        least(in_success, ${LATEST})), keep = greatest(t.keep, in_keep)
      where t.prefix = in_prefix and t.resource = in_resource;
  end if;
end $$;
`;
