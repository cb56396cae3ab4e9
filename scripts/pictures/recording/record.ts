import { dashboardFile, filled } from '../../../test/grafana/dashboard-file.js';
import { PrometheusServer, type TimeRange } from '../../../test/grafana/prometheus-server.js';
import { startRedis } from '../../../test/support/redis-servers.js';
import { Crew } from './crew.js';
import { faults } from './faults.js';
import type { Answer, Recording } from './recording.js';

const STEP_SECONDS = 4;
const RATE_INTERVAL = '16s';
const WINDOW = '5m';

/** Runs workers over five Redis servers with faults, and queries a Prometheus that scrapes the workers. */
export async function record(say: (what: string) => void): Promise<Recording> {
  await using redis = await startRedis({ count: 5, tcp: true });
  const nodes = redis.servers.map(({ port }, index) => ({
    host: '127.0.0.1',
    port,
    name: `redis-${index + 1}`,
  }));
  await using crew = await Crew.start(4, { nodes, ttlMs: 10_000, maxTtlMs: 45_000 });
  const prometheus = await PrometheusServer.start(crew.workers.map(({ target }) => target));
  try {
    await faults(redis.servers, say);
    const to = Math.floor(Date.now() / 1_000);
    // Leaves out the start of the processes.
    const from = to - 420;
    const range: TimeRange = { from, to, stepSeconds: STEP_SECONDS };
    const answers = await answersOf(prometheus, range);
    return { ...range, rateInterval: RATE_INTERVAL, window: WINDOW, answers };
  } finally {
    await prometheus.stop();
  }
}

async function answersOf(prometheus: PrometheusServer, range: TimeRange): Promise<readonly Answer[]> {
  const values = { rateInterval: RATE_INTERVAL, range: `${range.to - range.from}s`, window: WINDOW };
  const targets = dashboardFile.panels.flatMap((panel) => panel.targets ?? []);
  const answers: Answer[] = [];
  for (const { expr, instant } of targets) {
    const query = filled(expr, values);
    const last = { ...range, from: range.to };
    answers.push({ expr, series: await prometheus.queryRange(query, instant === true ? last : range) });
  }
  return answers;
}
