/** The nodes at a distance: what a lock takes when the network, and not the processor, sets the pace. */
import type { Redis } from 'ioredis';
import { clientsOf, type Address } from '../adapter.js';
import { distanceCell } from '../cells.js';
import { farFrom } from '../distance/distance.js';
import { closed, pick, type Scenario } from '../scenario.js';
import { ALL } from '../subjects.js';

/** What each direction takes, in ms, and of one of the nodes, if it is further away. */
type Delays = readonly [delayMs: number, farMs?: number];

export const FAR_MS = 20;
const QUICK_DELAYS: readonly Delays[] = [[1], [1, FAR_MS]];
const FULL_DELAYS: readonly Delays[] = [[0.25], [0.5], [1], [1, FAR_MS]];
/** Fewer than elsewhere: a library that waits for the far node makes 800 cycles a second here. */
const WARM_CYCLES = 2_000;
/** Enough round trips for a median. */
const PINGS = 100;

export const distance: Scenario = {
  name: 'distance',
  needsOwnServers: true,
  rounds: { quick: 1, full: 3 },
  subjects: () => ALL,
  async play({ stage, subject, isQuick, record }) {
    for (const [delayMs, farMs] of pick(isQuick, QUICK_DELAYS, FULL_DELAYS)) {
      await stage.reset();
      const delays = stage.addresses.map((_, at) => (at === 0 && farMs !== undefined ? farMs : delayMs));
      await using far = await farFrom(stage.addresses, delays);
      const child = await stage.child(subject, far.addresses, WARM_CYCLES);
      for (const inFlight of [1, 128]) {
        await record(distanceCell(delayMs, inFlight, farMs), async () => {
          const pingMs = await roundTripMs(far.addresses.at(-1)!);
          // Only what the load meets counts.
          await far.lateness();
          const figures = await closed(child, inFlight, isQuick, pick(isQuick, 400, 1_000));
          const { p50, p99 } = await far.lateness();
          return { ...figures, pingMs, lateP50: p50, lateP99: p99 };
        });
      }
      await child.kill();
    }
  },
};

/** The median time of a PING to this node, with nothing else under way. */
async function roundTripMs(address: Address): Promise<number> {
  const [client] = (await clientsOf([address])) as [Redis];
  const tookMs: number[] = [];
  for (let ping = 0; ping < PINGS; ping++) {
    const began = performance.now();
    await client.ping();
    tookMs.push(performance.now() - began);
  }
  client.disconnect();
  return tookMs.sort((a, b) => a - b)[PINGS / 2] ?? 0;
}
