import { eachResource } from './each-resource.js';

/** Takes the waiter that asks off the list of each resource that nobody has, and tells the first on it. */
export const wake = (q: string): string => `${eachResource(
  q,
  `
        if l.holder is null then
          delete from ${q}.waiter w where w.prefix = in_prefix and w.resource = name and w.waiter = r.holder;
          perform ${q}.tell_first_v1(in_prefix, name, now_us);
        end if;`,
)}
      answer := jsonb_build_object('kind', 'granted', 'counter', 0);`;
