/** The time in which a holder believed that it holds a resource, on one clock. */
export interface Interval {
  readonly resource: string;
  readonly holder: string;
  readonly from: number;
  readonly to: number;
}

/** The pairs of intervals that overlap on the same resource. Intervals that only touch do not overlap. */
export function overlapsIn(intervals: readonly Interval[]): [Interval, Interval][] {
  const found: [Interval, Interval][] = [];
  const latest = new Map<string, Interval>();
  for (const interval of intervals.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const before = latest.get(interval.resource);
    if (before !== undefined && interval.from < before.to) found.push([before, interval]);
    if (before === undefined || interval.to > before.to) latest.set(interval.resource, interval);
  }
  return found;
}
