/** `quorlock/prometheus`: what the locks do, as metrics for Prometheus, by way of prom-client. */
export { lockMetrics, type LockMetricsOptions } from './lock-metrics.js';
export { METRIC_NAMES, METRICS } from './metric-names.js';
export type { MetricsRegistry } from './metric-set.js';
