import { ABSENT, TOO_YOUNG } from './answers.js';
import { eachResource } from './each-resource.js';
import { RUN_LIVES_US } from './tables.js';

/** First what becomes of the run, whoever owns the keys; then the keys, and whoever waits for them. */
export const release = (q: string): string => `
      mine := 0;
      told := 0;
      is_recorded := true;${eachResource(
        q,
        `
        if r.run_state = 'finished' then
          if l.counter is null then
            is_recorded := is_recorded and ${TOO_YOUNG};
          elsif l.tick is null or l.tick < r.tick or l.tick = r.tick and l.state <> 'finished'
            and l.attempt <= r.attempt then
            update ${q}.lease t set tick = r.tick, attempt = r.attempt, state = 'finished',
              keep = greatest(t.keep, now_us + ${RUN_LIVES_US})
              where t.prefix = in_prefix and t.resource = name;
          elsif l.tick = r.tick and l.state <> 'finished' then
            is_recorded := false;
          end if;
        end if;
        if r.note_rank is not null then
          perform ${q}.note_v1(in_prefix, name, r.note_rank, r.note_text, r.note_most, r.note_success,
            now_us + ${RUN_LIVES_US});
        end if;
        if l.holder = r.holder then
          mine := mine + 1;
          if r.run_state = 'open' and l.tick = r.tick and l.attempt = r.attempt and l.state = 'started' then
            update ${q}.lease t set state = 'open' where t.prefix = in_prefix and t.resource = name;
          end if;
          if r.keep > 0 then
            update ${q}.lease t set expires = now_us + r.keep * 1000, set_at = now_us,
              keep = greatest(t.keep, now_us + r.keep * 1000)
              where t.prefix = in_prefix and t.resource = name;
          else
            update ${q}.lease t set holder = null where t.prefix = in_prefix and t.resource = name;
          end if;
          if r.waiter is not null then
            perform ${q}.enlist_v1(in_prefix, name, r.waiter, now_us + r.lives * 1000);
          end if;
          told := told + ${q}.tell_first_v1(in_prefix, name, now_us);
        end if;`,
      )}
      if mine = 0 then
        answer := ${ABSENT};
      else
        answer := jsonb_build_object('kind', 'granted', 'counter', 0);
        if told > 0 then answer := answer || jsonb_build_object('waiting', told); end if;
      end if;
      if r.run_state = 'finished' then
        answer := answer || jsonb_build_object('recorded', is_recorded);
      end if;`;
