/** `quorlock/prometheus`: metrics of the locks for Prometheus, on a registry of prom-client. */
export { lockMetrics, type LockMetricsOptions } from './lock-metrics.js';
export { METRIC_NAMES, METRICS } from './metric-names.js';
export type { MetricsRegistry } from './metric-set.js';
