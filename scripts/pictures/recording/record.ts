import type { RedisNodeOptions } from '../../../src/index.js';
import { filled } from '../../../test/grafana/dashboard-file.js';
import { PrometheusServer, type TimeRange } from '../../../test/grafana/prometheus-server.js';
import type { RedisServer } from '../../../test/support/redis-server.js';
import { startRedis } from '../../../test/support/redis-servers.js';
import { DASHBOARDS, type DashboardFile, type DashboardName } from '../dashboard/panels.js';
import { Crew } from './crew.js';
import { faults } from './faults.js';
import { JobsCrew, jobsFaults, type Cast } from './jobs-crew.js';
import type { Answer, Recording } from './recording.js';

const STEP_SECONDS = 4;
const RATE_INTERVAL = '16s';
const WINDOW = '5m';

/** What happens while it is recorded, and for how long. */
interface Scene {
  /** Starts the workers over these nodes. */
  readonly start: (nodes: readonly RedisNodeOptions[]) => Promise<Cast>;
  readonly faults: (servers: readonly RedisServer[], cast: Cast, say: Say) => Promise<void>;
  /** How much of the end is shown: it leaves out the start of the processes. */
  readonly shownSeconds: number;
}

type Say = (what: string) => void;

const SCENES: Readonly<Record<DashboardName, Scene>> = {
  jobs: { start: (nodes) => JobsCrew.start(4, { nodes }), faults: jobsFaults, shownSeconds: 330 },
  locks: {
    start: (nodes) => Crew.start(4, { nodes, ttlMs: 10_000, maxTtlMs: 45_000 }),
    faults: (servers, _, say) => faults(servers, say),
    shownSeconds: 420,
  },
};

/** Runs workers over five Redis servers with faults, and queries a Prometheus that scrapes the workers. */
export async function record(name: DashboardName, say: Say): Promise<Recording> {
  const scene = SCENES[name];
  await using redis = await startRedis({ count: 5, tcp: true });
  const nodes = redis.servers.map(({ port }, index) => ({
    host: '127.0.0.1',
    port,
    name: `redis-${index + 1}`,
  }));
  await using cast = await scene.start(nodes);
  const prometheus = await PrometheusServer.start(cast.workers.map(({ target }) => target));
  try {
    await scene.faults(redis.servers, cast, say);
    const to = Math.floor(Date.now() / 1_000);
    const from = to - scene.shownSeconds;
    const range: TimeRange = { from, to, stepSeconds: STEP_SECONDS };
    const answers = await answersOf(DASHBOARDS[name], prometheus, range);
    return { ...range, rateInterval: RATE_INTERVAL, window: WINDOW, answers };
  } finally {
    await prometheus.stop();
  }
}

async function answersOf(
  dashboard: DashboardFile,
  prometheus: PrometheusServer,
  range: TimeRange,
): Promise<readonly Answer[]> {
  const values = { rateInterval: RATE_INTERVAL, range: `${range.to - range.from}s`, window: WINDOW };
  const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);
  const answers: Answer[] = [];
  for (const { expr, instant } of targets) {
    const query = filled(expr, values);
    const last = { ...range, from: range.to };
    answers.push({ expr, series: await prometheus.queryRange(query, instant === true ? last : range) });
  }
  return answers;
}
