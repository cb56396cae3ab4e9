import { eachResource } from './each-resource.js';

/** Tells the first waiter of each resource that nobody has. */
export const wake = (q: string): string => `${eachResource(
  q,
  `
        if l.holder is null then perform ${q}.tell_first_v1(in_prefix, name); end if;`,
)}
      answer := jsonb_build_object('kind', 'granted', 'counter', 0);`;
