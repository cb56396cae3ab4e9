import { ABSENT, HELD, impossible } from './answers.js';
import { eachResource } from './each-resource.js';
import { COUNTER_LIVES_US } from './tables.js';

/** Prolongs the keys, or sets those that are gone again, as far as the request allows it. */
export const extend = (q: string): string => `
      is_restored := false;
      if r.most > newest then
        answer := ${impossible(`'that is wanted of ' || array_to_string(r.resources, ', ')`)};
      else${eachResource(
        q,
        `
        if l.holder <> r.holder then
          answer := ${HELD};
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
