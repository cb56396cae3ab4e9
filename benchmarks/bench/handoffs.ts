/** Figures about the holds of a contended resource. */
import type { Figures, Hold } from './tasks.js';

/**
 * Counts hand-offs. `holds` has a list for each process, and `waiters` is their number in each. Only the
 * window counts.
 */
export function handOffFigures(
  holds: readonly (readonly Hold[])[],
  { waiters, fromNs, toNs }: { readonly waiters: number; readonly fromNs: number; readonly toNs: number },
): Figures {
  const all = holds
    .flatMap((own, process) =>
      own.map(([waiter, acquired, released]) => ({ who: process * waiters + waiter, acquired, released })),
    )
    .filter(({ acquired }) => acquired >= fromNs && acquired < toNs)
    .sort((a, b) => a.acquired - b.acquired);
  const served = new Array<number>(waiters * holds.length).fill(0);
  const gapsMs: number[] = [];
  let overlaps = 0;
  for (const [at, { who, acquired }] of all.entries()) {
    served[who] = (served[who] ?? 0) + 1;
    const before = all[at - 1];
    if (!before) continue;
    // A release is under way from its call on. Another hold that began before the call overlaps.
    if (acquired < before.released) overlaps++;
    gapsMs.push((acquired - before.released) / 1e6);
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
