import { linksHealthySince } from './network.js';
import type { Voter } from './sim-server.js';
import type { World } from './world.js';

/** A key counts as left behind only if its node, link and owner have had no fault for this long. */
const HEALTHY_BEFORE_LEFTOVER_MS = 2_500;
/** Its release may be on its way, also for a second time. */
const LEFTOVER_GRACE_MS = 600;

/** Reports the keys of clients that have no use for them any more. */
export function reportLeftovers({ clients, nodes, timeline, checker }: World): void {
  const healthySince = timeline.now - HEALTHY_BEFORE_LEFTOVER_MS;
  const byName = new Map(clients.map((one) => [one.client.name, one]));
  nodes.forEach(({ voter, health }, nodeIndex) => {
    if (health.healthySince > healthySince || voter.wasSetBack) return;
    for (const [resource, owner] of locksOn(voter)) {
      const one = byName.get(owner);
      if (one === undefined || one.health.healthySince > healthySince) continue;
      if (linksHealthySince(one.links[nodeIndex]!) > healthySince) continue;
      if (one.client.mayHold(resource, LEFTOVER_GRACE_MS)) continue;
      checker.report('nothing left behind', `${voter.name} has a key of ${owner} for ${resource}`);
    }
  });
}

/** After all faults have ended no living client has a key, except those that it is about to release. */
export function reportHeldAtEnd({ clients, nodes, checker }: World): void {
  const alive = new Map(clients.map(({ client }) => [client.name, client]));
  for (const { voter } of nodes) {
    for (const [resource, owner] of voter.wasSetBack ? [] : locksOn(voter)) {
      const client = alive.get(owner);
      if (client === undefined || client.mayHold(resource, LEFTOVER_GRACE_MS)) continue;
      checker.report('nothing left behind', `${voter.name} has a key of ${owner} for ${resource} at the end`);
    }
  }
}

/** The held resources of a node, with the name of each holder. */
const locksOn = (voter: Voter): [resource: string, owner: string][] =>
  voter.servers.flatMap((server) =>
    server.keyspace.keys.flatMap((key): [string, string][] => {
      const id = voter.storeOf(key) === server ? (server.keyspace.get(key) ?? '') : '';
      return id.includes('@') ? [[key.replace('lock:', ''), id.slice(id.indexOf('@') + 1)]] : [];
    }),
  );
