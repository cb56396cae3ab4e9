import { SEED_MARGIN_MS } from '../../../core/fencing.js';
import { TICK_AHEAD_MS, TICK_FORGOTTEN, TICK_TOO_FAR_AHEAD } from '../../../core/run.js';
import { ABSENT, ALREADY_RAN, error, HELD, impossible, TOO_YOUNG } from './answers.js';
import { eachResource } from './each-resource.js';
import { COUNTER_LIVES_US } from './tables.js';

/** Sets the keys of all resources, or of none, and counts up. A refused process goes onto the list. */
export const acquire = (q: string): string => `
      highest := 0;
      known := 0;
      mine := 0;
      giver_left := 0;
      refusing := null;${eachResource(
        q,
        `
        if l.holder is not null and l.holder <> r.holder and l.holder is distinct from r.taken_from then
          answer := ${HELD};
          refusing := name;
          exit;
        end if;
        if l.holder is null and r.taken_from is not null then
          answer := ${ABSENT};
          exit;
        end if;
        if l.holder = r.holder then mine := mine + 1; end if;
        if r.taken_from is not null then
          -- Taken by this very holder before: its own key lives no shorter than the giver's would have.
          giver_left := greatest(giver_left, (l.expires - now_us + 999) / 1000);
        end if;
        if r.tick is not null then
          if l.tick is not null and (l.tick > r.tick or l.tick = r.tick
            and (l.state = 'finished' or l.state = 'started' and not coalesce(r.retry, false))) then
            answer := ${ALREADY_RAN};
            exit;
          end if;
          if ${TOO_YOUNG} then answer := ${error(TICK_FORGOTTEN)}; end if;
          if r.tick * 1000 > now_us + ${TICK_AHEAD_MS * 1_000} then
            answer := ${error(TICK_TOO_FAR_AHEAD)};
          end if;
          if l.tick = r.tick then known := greatest(known, l.attempt); end if;
        end if;
        if r.seed is not null then
          if l.counter > newest then answer := ${impossible(`'of ' || name`)}; end if;
          if l.counter is null or l.counter < g.go_on_from then
            l.counter := greatest(coalesce(l.counter, 0), now_us - ${SEED_MARGIN_MS * 1_000},
              least(now_us + ${SEED_MARGIN_MS * 1_000}, r.seed));
          end if;
          highest := greatest(highest, l.counter);
        end if;`,
      )}
      if answer is null then
        answer := '{"kind": "granted"}';
        if r.taken_from is not null then
          answer := answer || jsonb_build_object('giverLeftMs', giver_left);
        end if;
        -- The same request a second time is one grant.
        if mine < cardinality(r.resources) then
          if r.seed is not null then highest := highest + r.tokens; end if;
          -- Never shortened: the giver may hold it for as long as its key would have lived.
          update ${q}.lease t set holder = r.holder, set_at = now_us,
            expires = greatest(now_us + r.ttl * 1000,
              case when r.taken_from is null then 0 else t.expires end),
            counter = case when r.seed is null then t.counter else highest end,
            keep = greatest(t.keep, t.expires, now_us + r.ttl * 1000
              + case when r.seed is null then 0 else ${COUNTER_LIVES_US} end)
            where t.prefix = in_prefix and t.resource = any (r.resources);
        end if;
        answer := answer || jsonb_build_object('counter', highest);
        if known > 0 then answer := answer || jsonb_build_object('attempt', known); end if;
        if r.waiter is not null then
          delete from ${q}.waiter w
            where w.prefix = in_prefix and w.resource = any (r.resources) and w.waiter = r.waiter;
          answer := answer || jsonb_build_object('waiting', coalesce((select max(n) from (
            select count(*) as n from ${q}.waiter w where w.prefix = in_prefix
              and w.resource = any (r.resources)
              and (w.expires > now_us or w.expires < 0) group by w.resource) counts), 0));
        end if;
      elsif refusing is not null and r.waiter is not null then
        perform ${q}.enlist_v1(in_prefix, refusing, r.waiter, now_us + r.lives * 1000);
      end if;`;
