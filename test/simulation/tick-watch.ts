import { fenceKeyOf } from '../../src/node/redis/protocol/keys.js';
import { linksHealthySince } from './network.js';
import type { Fault } from './settings.js';
import { cronTtlMs, trueTimeOfTick, type ClientTick } from './sim-client.js';
import type { Voter } from './sim-server.js';
import type { World, WorldClient } from './world.js';

/** A tick is due only if a majority has been healthy for this long before and after it. */
const TICK_AFTER_MS = 2_500;
/** Longer than the first four attempts to connect again. */
const LONGEST_RECONNECTION_MS = 1_000;
const ONLY_CONNECTIONS: readonly Fault[] = ['link reset', 'script flush'];
/** The time from the expiry of a dead worker's lock until one that waits must have it. */
const ABANDONED_AFTER_MS = 500;

/** Checks that no tick is lost, and that none is abandoned whose worker died. */
export class TickWatch {
  readonly #requested = new Set<string>();
  #due = 0;

  constructor(private readonly world: World) {}

  /** The ticks for which a majority was healthy, so that they had to run. */
  get due(): number {
    return this.#due;
  }

  /** A client wants to run this tick. */
  requested(resource: string, tick: number): void {
    const key = `${resource}@${tick}`;
    if (this.#requested.has(key)) return;
    this.#requested.add(key);
    const { timeline, settings } = this.world;
    const dueAt = trueTimeOfTick(tick);
    // The client's clock is far off.
    if (Math.abs(dueAt - timeline.now) > settings.wallSkewMs + 100) return;
    const lastAt = Math.max(dueAt + settings.wallSkewMs, timeline.now);
    timeline.at(lastAt + TICK_AFTER_MS, () => this.#checkTick(resource, tick, lastAt));
  }

  /**
   * A client was refused a tick that was started, by whomever. Where connections break, and nothing else
   * does, and the keys live much longer than messages are on their way and than it takes to connect again, a
   * claimant that gives up reaches the nodes while its keys are there, and takes its record back. So a tick
   * that is on record as started was started, or is claimed.
   */
  refusedAsStarted(resource: string, tick: number): void {
    const { settings, checker, clients } = this.world;
    const { faults, deaths, ttlsMs, retry, latency } = settings;
    if (deaths > 0 || faults.some((fault) => !ONLY_CONNECTIONS.includes(fault))) return;
    const ttlMs = cronTtlMs(ttlsMs, retry);
    if (ttlMs < Math.max(LONGEST_RECONNECTION_MS, 100 * (latency.leastMs + latency.meanJitterMs))) return;
    if (checker.isPast(resource, tick)) return;
    const claims = clients.flatMap(({ client }) => [...client.claimed]);
    const others = claims.filter((one) => one.resource === resource && one.tick === tick).length - 1;
    if (others > 0) return;
    const what = `${resource}@${trueTimeOfTick(tick)}`;
    checker.report('no tick lost', `nobody started ${what}, and it is refused`);
  }

  /** The worker of a run died, or its process was killed. `runs`: how many had begun, with that one. */
  abandoned(it: ClientTick, runs: number): void {
    const { settings, timeline } = this.world;
    if (!settings.retry) return;
    const at = timeline.now;
    const expiredAt = at + it.ttlMs * (1 + settings.driftFactor);
    timeline.at(expiredAt + ABANDONED_AFTER_MS, () => this.#checkAbandoned(it, runs, at));
  }

  /**
   * A tick that a client requested must have run if a majority of nodes, their links and all clients were
   * healthy, for long enough before the tick that earlier faults had no effect any more.
   */
  #checkTick(resource: string, tick: number, lastAt: number): void {
    const { settings, checker, timeline, clients, nodes, majority } = this.world;
    const since = lastAt - this.#forgetfulMs - 2_500;
    if (timeline.now >= settings.durationMs || since < 0 || !this.world.isInUse) return;
    if (clients.length < settings.clients) return;
    if (clients.some(({ health }) => health.healthySince > since)) return;
    const healthy = nodes.filter(
      ({ voter, health }, nodeIndex) =>
        // A clock that was set back keeps the keys of dead clients longer. A clock that was set ahead makes
        // the node refuse ticks as too old.
        !voter.wasStepped &&
        health.healthySince <= since &&
        clients.every((client) => linksHealthySince(client.links[nodeIndex]!) <= since),
    );
    if (healthy.length < majority) return;
    this.#due++;
    if (!checker.isPast(resource, tick))
      checker.report('no tick lost', `nobody ran ${resource}@${trueTimeOfTick(tick)}`);
  }

  /**
   * A tick whose worker died must have been run again if one client waited for it all the while, and was
   * healthy as it has to be for a tick, likewise a majority of nodes and its links to them. The run of a
   * worker that died while it released has ended: if so many nodes know that no majority is left, the tick is
   * not run again. Half of an even number of nodes is enough for that.
   */
  #checkAbandoned({ resource, tick }: ClientTick, runs: number, diedAt: number): void {
    const { settings, checker, timeline, clients, nodes, majority } = this.world;
    const since = diedAt - this.#forgetfulMs - 2_500;
    if (timeline.now >= settings.durationMs || since < 0) return;
    if (checker.isPast(resource, tick + 1) || checker.runsOf(resource, tick) > runs) return;
    const finished = nodes.filter(({ voter }) => hasFinished(voter, resource, tick));
    if (nodes.length - finished.length < majority) return;
    const waits = (one: WorldClient): boolean => {
      const { client, health } = one;
      const isWaiting = [...client.awaited].some((it) => it.resource === resource && it.tick === tick);
      const healthy = nodes.filter(
        (node, nodeIndex) =>
          !node.voter.wasStepped &&
          node.health.healthySince <= since &&
          linksHealthySince(one.links[nodeIndex]!) <= since,
      );
      return isWaiting && health.healthySince <= since && healthy.length >= majority;
    };
    const one = clients.find(waits);
    if (one === undefined) return;
    const what = `${resource}@${trueTimeOfTick(tick)}`;
    checker.report('no tick abandoned', `nobody ran ${what} again, although ${one.client.name} waits`);
  }

  /** For so long after it lost its memory a node may have no vote for a tick. */
  get #forgetfulMs(): number {
    const { settings, tickAheadMs } = this.world;
    return Math.max(settings.maxTtlMs, tickAheadMs);
  }
}

/** Whether a node has the end of the tick's run on record. */
function hasFinished(voter: Voter, resource: string, tick: number): boolean {
  const key = `${fenceKeyOf(`lock:${resource}`)}:run`;
  const record = voter.storeOf(key).keyspace.get(key) ?? '';
  return /^(\d+):\d+:finished$/.exec(record)?.[1] === String(tick);
}
