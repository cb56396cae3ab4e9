/** Returns a few round values from zero to at least the highest one. Long durations are round in minutes. */
export function valueTicks(highest: number, unit: string): readonly number[] {
  const rough = (highest || 1) / 3.2;
  const base = unit === 's' && rough > 20 ? 60 : 1;
  const magnitude = base * 10 ** Math.floor(Math.log10(rough / base));
  const step = magnitude * ([1, 2, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10);
  const count = Math.ceil((highest || 1) / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

const MINUTE = 60;

/** Returns full minutes, in seconds since the Unix epoch. */
export function timeTicks(from: number, to: number): readonly number[] {
  const step = [1, 2, 5, 10, 30].find((minutes) => (to - from) / (minutes * MINUTE) <= 4) ?? 60;
  const first = Math.ceil(from / (step * MINUTE)) * step * MINUTE;
  const ticks: number[] = [];
  for (let at = first; at <= to; at += step * MINUTE) ticks.push(at);
  return ticks;
}

export const clockTime = (at: number): string => new Date(at * 1_000).toISOString().slice(11, 16);
