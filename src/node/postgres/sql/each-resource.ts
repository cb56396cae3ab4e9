/** The request's resources one after the other, each row as `l`; a key that has expired counts as none. */
export const eachResource = (q: string, body: string): string => `
      foreach name in array r.resources loop
        select * into l from ${q}.lease t where t.prefix = in_prefix and t.resource = name;
        if l.set_at > now_us then
          -- The clock was set back since the key was set. It lives for no longer than it was to live then.
          update ${q}.lease t set expires = now_us + (greatest(t.expires, 0) - t.set_at), set_at = now_us
            where t.prefix = in_prefix and t.resource = name returning t.* into l;
        end if;
        if l.expires <= now_us then l.holder := null; end if;
        ${body}
        exit when answer is not null;
      end loop;`;
