import { dashboardPicture } from './dashboard/dashboard.js';
import { dashboard } from './dashboard/panels.js';
import { architecture } from './diagrams/architecture.js';
import { leaseTimeline } from './diagrams/lease-timeline.js';
import { runLease } from './diagrams/lease-run.js';
import { quorum } from './diagrams/quorum.js';
import { runQuorum } from './diagrams/quorum-run.js';
import { THEMES, type Theme } from './drawing/theme.js';
import { readRecording } from './recording/recording.js';

/** The lines of the dashboard in the short picture, each by its first panel. The rows' titles are added. */
const ON_FIRST_SIGHT = ['Processes without a quorum', 'Acquired', 'Held, by lock', 'Node states'];

const excerpt = () => {
  const lines = dashboard.panels.flatMap(({ title, type, gridPos }) =>
    type === 'row' || ON_FIRST_SIGHT.includes(title) ? [gridPos.y] : [],
  );
  return dashboard.panels.filter(({ gridPos }) => lines.includes(gridPos.y));
};

/** Every picture, by the name of its file. */
export async function pictures(): Promise<ReadonlyMap<string, string>> {
  const [quorumRun, leaseRun, recording] = [await runQuorum(), await runLease(), readRecording()];
  const drawings: Readonly<Record<string, (theme: Theme) => string>> = {
    architecture,
    quorum: (theme) => quorum(quorumRun, theme),
    'lease-timeline': (theme) => leaseTimeline(leaseRun, theme),
    dashboard: (theme) =>
      dashboardPicture(
        recording,
        excerpt(),
        'Its numbers at a glance, what the locks do, and the states of the nodes.',
        theme,
      ),
    'dashboard-full': (theme) => dashboardPicture(recording, dashboard.panels, 'All of its panels.', theme),
  };
  return new Map(
    Object.entries(drawings).flatMap(([name, draw]) =>
      THEMES.map((theme) => [`${name}-${theme.name}.svg`, draw(theme)] as const),
    ),
  );
}
