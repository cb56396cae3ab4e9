import { describe, expect, it } from '@jest/globals';
import { ofType, record } from '../../support/lock-managers.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { allVote, Clients, outcomeOf, R, SHORT, statuses, untilStatus } from '../../support/clients.js';

describe('restarts of all nodes without data, one quarantine apart', () => {
  it('restarts without data, one quarantine apart, neither end a lease nor grant it to another', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const [holder, rival] = [await clients.ready(SHORT), await clients.ready(SHORT)];
    const [events, rivalEvents] = [record(holder), record(rival)];
    const lease = await holder.acquire(R);
    let over = false;
    let tries = 0;
    const rivalry = (async () => {
      const outcomes = new Set<string>();
      while (!over) {
        outcomes.add(await outcomeOf(rival.acquire(R, { retries: 0 })));
        tries++;
        // A client that starts just now, without history.
        if (tries % 20 === 0) {
          const fresh = clients.make(SHORT);
          outcomes.add(await outcomeOf(fresh.acquire(R, { retries: 0 })));
          await fresh.close();
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return outcomes;
    })();
    for (const [nodeIndex, server] of redis.servers.entries()) {
      await server.restart({ keepData: false });
      await untilStatus(holder, nodeIndex, 'untrusted');
      lease.assertHeld();
      await Promise.all([allVote(holder), allVote(rival)]);
      lease.assertHeld();
    }
    over = true;
    const outcomes = await rivalry;
    expect(outcomes).not.toContain('granted');
    expect(outcomes).toContain('LOCK_NOT_ACQUIRED held');
    expect(tries).toBeGreaterThan(10);
    expect(ofType(events, 'lost')).toEqual([]);
    expect(ofType(rivalEvents, 'acquired')).toEqual([]);
    expect(lease.signal.aborted).toBe(false);
    // The next extension sets the keys on all three nodes again, although each had lost them.
    await until(
      async () => {
        const { nodes } = await holder.inspect(R);
        return new Set(nodes.map(({ holder: owner }) => owner)).size === 1;
      },
      { what: 'the lease to be on all nodes again' },
    );
    expect(ofType(events, 'lost')).toEqual([]);
    await lease.release();
    expect(statuses(rival)).toEqual(['ready', 'ready', 'ready']);
    expect(await outcomeOf(rival.acquire(R, { retries: 20 }))).toBe('granted');
  });
});
