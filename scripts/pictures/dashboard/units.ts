const trimmed = (value: number, decimals: number): string => String(Number(value.toFixed(decimals)));

/** Three digits are enough for a legend. */
const decimalsOf = (value: number): number => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

const short = (value: number): string =>
  value >= 1_000 ? `${trimmed(value / 1_000, 1)} K` : trimmed(value, decimalsOf(value));

function seconds(value: number): string {
  if (value === 0) return '0 s';
  if (value < 0.001) return `${trimmed(value * 1e6, 0)} µs`;
  if (value < 1) return `${trimmed(value * 1e3, decimalsOf(value * 1e3))} ms`;
  return value < 60 ? `${trimmed(value, decimalsOf(value))} s` : `${trimmed(value / 60, 1)} min`;
}

/** Writes a value as Grafana does. `unit` is one of Grafana's ids. */
export function formatted(value: number, unit: string): string {
  if (unit === 's') return seconds(value);
  if (unit === 'percentunit') return `${trimmed(value * 100, 1)} %`;
  return unit === 'cpm' ? `${short(value)} c/m` : short(value);
}
