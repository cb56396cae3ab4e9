import { TICK_FORGOTTEN } from '../../../core/run.js';
import { ABSENT, ALREADY_RAN, error, HELD, impossible, TOO_YOUNG } from './answers.js';
import { eachResource } from './each-resource.js';
import { COUNTER_LIVES_US, RUN_LIVES_US } from './tables.js';

/** Writes the token, and the tick, if the keys are still there. */
export const confirm = (q: string): string => `
      if r.token > newest then
        answer := ${impossible(`'that is wanted of ' || array_to_string(r.resources, ', ')`)};
      else${eachResource(
        q,
        `
        if l.holder is null then
          answer := ${ABSENT};
        elsif l.holder <> r.holder then
          answer := ${HELD};
        elsif l.counter > newest then
          answer := ${impossible(`'of ' || name`)};
        elsif l.counter > r.token then
          answer := jsonb_build_object('kind', 'refused', 'reason', 'superseded', 'counter', l.counter);
        elsif r.tick is not null and l.tick is not null
          and (l.tick > r.tick or l.tick = r.tick and l.state = 'finished') then
          answer := ${ALREADY_RAN};
        elsif r.tick is not null and ${TOO_YOUNG} then
          answer := ${error(TICK_FORGOTTEN)};
        end if;`,
      )}
      end if;
      if answer is null then
        update ${q}.lease t set counter = r.token,
          attempt = case when r.tick is null then t.attempt when t.tick = r.tick
            then greatest(t.attempt, r.attempt) else r.attempt end,
          state = case when r.tick is null then t.state else 'started' end,
          tick = coalesce(r.tick, t.tick),
          keep = greatest(t.keep, now_us + case when r.tick is null
            then ${COUNTER_LIVES_US} else ${RUN_LIVES_US} end)
          where t.prefix = in_prefix and t.resource = any (r.resources);
        answer := jsonb_build_object('kind', 'granted', 'counter', r.token);
      end if;`;
