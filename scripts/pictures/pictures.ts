import { dashboardPicture } from './dashboard/dashboard.js';
import { DASHBOARDS, type DashboardName } from './dashboard/panels.js';
import { architecture } from './diagrams/architecture.js';
import { leaseTimeline } from './diagrams/lease-timeline.js';
import { runLease } from './diagrams/lease-run.js';
import { quorum } from './diagrams/quorum.js';
import { runQuorum } from './diagrams/quorum-run.js';
import { THEMES, type Theme } from './drawing/theme.js';
import { readRecording } from './recording/recording.js';

/** The lines of a dashboard in its short picture, each by its first panel. The rows' titles are added. */
const ON_FIRST_SIGHT: Readonly<Record<DashboardName, readonly string[]>> = {
  jobs: ['Jobs overdue', 'All jobs', 'Runs, by outcome'],
  locks: ['Processes without a quorum', 'Acquired', 'Held, by lock', 'Node states'],
};

const excerptOf = (name: DashboardName) => {
  const { panels } = DASHBOARDS[name];
  const lines = panels.flatMap(({ title, type, gridPos }) =>
    type === 'row' || ON_FIRST_SIGHT[name].includes(title) ? [gridPos.y] : [],
  );
  return panels.filter(({ gridPos }) => lines.includes(gridPos.y));
};

const LOCKS_STORY = [
  'The data comes from a Prometheus that scraped four workers over five Redis nodes.',
  'Meanwhile one node hung, one lost its memory, and at last three of five hung.',
];
const JOBS_STORY = [
  'The data comes from a Prometheus that scraped four workers with three scheduled jobs.',
  'Meanwhile a worker died in the middle of a run, and there was no quorum for a while.',
];

/** Every picture, by the name of its file. */
export async function pictures(): Promise<ReadonlyMap<string, string>> {
  const [quorumRun, leaseRun] = [await runQuorum(), await runLease()];
  const [jobs, locks] = [readRecording('jobs'), readRecording('locks')];
  const drawings: Readonly<Record<string, (theme: Theme) => string>> = {
    architecture,
    quorum: (theme) => quorum(quorumRun, theme),
    'lease-timeline': (theme) => leaseTimeline(leaseRun, theme),
    dashboard: (theme) =>
      dashboardPicture(
        {
          dashboard: DASHBOARDS.locks,
          recording: locks,
          panels: excerptOf('locks'),
          says: ['Its numbers at a glance, what the locks do, and the states of the nodes.', ...LOCKS_STORY],
        },
        theme,
      ),
    'dashboard-full': (theme) =>
      dashboardPicture(
        {
          dashboard: DASHBOARDS.locks,
          recording: locks,
          panels: DASHBOARDS.locks.panels,
          says: ['All of its panels.', ...LOCKS_STORY],
        },
        theme,
      ),
    'jobs-dashboard': (theme) =>
      dashboardPicture(
        {
          dashboard: DASHBOARDS.jobs,
          recording: jobs,
          panels: excerptOf('jobs'),
          says: ['Its numbers at a glance, all jobs, and how their runs end.', ...JOBS_STORY],
        },
        theme,
      ),
  };
  return new Map(
    Object.entries(drawings).flatMap(([name, draw]) =>
      THEMES.map((theme) => [`${name}-${theme.name}.svg`, draw(theme)] as const),
    ),
  );
}
