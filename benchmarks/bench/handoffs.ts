/** Figures about the holds of contended resources. */
import type { Figures, Hold } from './tasks.js';

interface Waited {
  /** How many waiters each process has, in the order of the processes. */
  readonly waiters: readonly number[];
  /** How many resources there are: the waiters of all processes want them in turn. By default one. */
  readonly resources?: number;
  readonly fromNs: number;
  readonly toNs: number;
}

/** Counts hand-offs. `holds` has a list for each process. Only the window counts. */
export function handOffFigures(
  holds: readonly (readonly Hold[])[],
  { waiters, resources = 1, fromNs, toNs }: Waited,
): Figures {
  const firsts = waiters.map((_, at) => waiters.slice(0, at).reduce((sum, count) => sum + count, 0));
  const all = holds
    .flatMap((own, process) =>
      own.map(([waiter, acquired, released]) => ({
        who: (firsts[process] ?? 0) + waiter,
        acquired,
        released,
      })),
    )
    .filter(({ acquired }) => acquired >= fromNs && acquired < toNs)
    .sort((a, b) => a.acquired - b.acquired);
  const served = new Array<number>(waiters.reduce((sum, count) => sum + count, 0)).fill(0);
  const gapsMs: number[] = [];
  const lastReleased = new Map<number, number>();
  let overlaps = 0;
  for (const { who, acquired, released } of all) {
    served[who] = (served[who] ?? 0) + 1;
    const resource = who % resources;
    const before = lastReleased.get(resource);
    lastReleased.set(resource, released);
    if (before === undefined) continue;
    // A release is under way from its call on. Another hold that began before the call overlaps.
    if (acquired < before) overlaps++;
    gapsMs.push((acquired - before) / 1e6);
  }
  gapsMs.sort((a, b) => a - b);
  const least = Math.min(...served);
  const most = Math.max(...served);
  return {
    handOffs: all.length,
    perSecond: (all.length * 1e9) / (toNs - fromNs),
    ...(gapsMs.length > 0
      ? {
          p50: gapsMs[Math.floor(gapsMs.length / 2)] ?? 0,
          p99: gapsMs[Math.floor(gapsMs.length * 0.99)] ?? 0,
        }
      : {}),
    least,
    most,
    starved: served.filter((count) => count === 0).length,
    ...(least > 0 ? { mostToLeast: most / least } : {}),
    overlaps,
  };
}
