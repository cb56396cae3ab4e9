import { panelQueries } from './dashboard-file.js';
import type { PrometheusServer } from './prometheus-server.js';

/**
 * The queries of the dashboard to which this Prometheus has no number as an answer: each as the panel's id, its title and
 * the query in it. Whatever is scraped, once locks were acquired and released and their counters were scraped twice, there
 * must be none.
 */
export async function unansweredQueries(prometheus: PrometheusServer): Promise<readonly string[]> {
  const unanswered: string[] = [];
  for (const { name, expr } of panelQueries({ rateInterval: '10s', range: '10m', window: '10m' })) {
    const samples = await prometheus.query(expr);
    if (!samples.some(({ value }) => Number.isFinite(value) && value >= 0)) unanswered.push(name);
  }
  return unanswered;
}
