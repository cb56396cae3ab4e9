import { panelQueries } from './dashboard-file.js';
import type { PrometheusServer } from './prometheus-server.js';

/**
 * The queries of the dashboard that this Prometheus does not answer with a number, each as the panel's id,
 * its title and its refId. There must be none once locks were acquired and released and their counters were
 * scraped twice.
 */
export async function unansweredQueries(prometheus: PrometheusServer): Promise<readonly string[]> {
  const unanswered: string[] = [];
  for (const { name, expr } of panelQueries({ rateInterval: '10s', range: '10m', window: '10m' })) {
    const samples = await prometheus.query(expr);
    if (!samples.some(({ value }) => Number.isFinite(value) && value >= 0)) unanswered.push(name);
  }
  return unanswered;
}
