import { FAILED_VOTES } from '../../src/prometheus/label-values.js';
import { METRICS } from '../../src/prometheus/metric-names.js';

/** One of quorlock's metrics, by its short name. */
export type MetricKey = keyof typeof METRICS;

/** The choice of processes in the variables at the top of the dashboard. All panels have it. */
const CHOSEN_PROCESSES = 'job=~"$job",instance=~"$instance"';

/** A series selector within the dashboard's choice of processes. */
export const ofProcesses = (metric: MetricKey, ...matchers: readonly string[]): string =>
  select(METRICS[metric], [CHOSEN_PROCESSES, ...matchers]);

/** A series selector within the dashboard's choice of processes and locks. */
export const ofLocks = (metric: MetricKey, ...matchers: readonly string[]): string =>
  ofProcesses(metric, 'lock=~"$lock"', ...matchers);

/** The buckets of a histogram within the dashboard's choice of processes and locks. */
export const bucketsOfLocks = (metric: MetricKey, ...matchers: readonly string[]): string =>
  select(`${METRICS[metric]}_bucket`, [CHOSEN_PROCESSES, 'lock=~"$lock"', ...matchers]);

/** The count of a histogram within the dashboard's choice of processes and locks. */
export const countOfLocks = (metric: MetricKey): string =>
  select(`${METRICS[metric]}_count`, [CHOSEN_PROCESSES, 'lock=~"$lock"']);

/** The sum of a histogram within the dashboard's choice of processes. */
export const sumOfProcesses = (metric: MetricKey): string =>
  select(`${METRICS[metric]}_sum`, [CHOSEN_PROCESSES]);

/** A series selector without the dashboard's variables, for alerts. */
export const everywhere = (metric: MetricKey, ...matchers: readonly string[]): string =>
  select(METRICS[metric], matchers);

const select = (name: string, matchers: readonly string[]): string =>
  matchers.length === 0 ? name : `${name}{${matchers.join(',')}}`;

/** A rate per minute. Jobs run by the minute: 0.0167 jobs per second are hard to read. */
export const perMinute = (by: string, selector: string): string =>
  `sum by (${by}) (rate(${selector}[$__rate_interval])) * 60`;

/** The states in which a node cannot vote although its manager is open. */
export const NOT_READY = 'state=~"connecting|new|untrusted|unreachable|misconfigured"';

/** The votes that say nothing about the lock, only about the node. */
export const FAILED = `vote=~"${FAILED_VOTES.join('|')}"`;
