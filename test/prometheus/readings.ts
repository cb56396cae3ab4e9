import type { MetricsRegistry } from '../../src/prometheus/index.js';

export interface Reading {
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** All values that a scrape would read. Histograms have their `_bucket`, `_sum` and `_count`. */
export async function readings(register: MetricsRegistry): Promise<readonly Reading[]> {
  const metrics = await register.getMetricsAsJSON();
  return metrics.flatMap(({ name, values }) =>
    values.map((value) => ({
      name: ('metricName' in value && (value.metricName as string | undefined)) || name,
      labels: value.labels as Reading['labels'],
      value: value.value,
    })),
  );
}

/**
 * The value of the one series of this name that has at least these labels; undefined without such a series.
 */
export async function reading(
  register: MetricsRegistry,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const found = (await readings(register)).filter(
    (one) =>
      one.name === name &&
      Object.entries(labels).every(([label, value]) => String(one.labels[label]) === value),
  );
  if (found.length > 1) throw new Error(`${found.length} series of ${name} have ${JSON.stringify(labels)}`);
  return found[0]?.value;
}
