import {
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
  type Dashboard,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { jobSummaryPanels, jobTablePanels, runPanels } from './job-panels.js';
import { lockPanels } from './lock-panels.js';
import { nodePanels } from './node-panels.js';
import { summaryPanels } from './summary-panels.js';
import { variables } from './variables.js';

const dashboard = (title: string, uid: string, description: string): DashboardBuilder =>
  new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['quorlock', 'locks', 'redis'])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .refresh('30s')
    .variables(variables());

/** Whether scheduled jobs run, in the format that Grafana imports. */
export function jobsDashboard(): Dashboard {
  const builder = dashboard(
    'Jobs (quorlock)',
    'quorlock-jobs',
    'Scheduled jobs: when each last succeeded and is due, and what was missed, abandoned or late.',
  );
  addRow(builder, 'At a glance', jobSummaryPanels());
  addRow(builder, 'Jobs', jobTablePanels());
  addRow(builder, 'Runs', runPanels());
  return addIds(builder.build());
}

/** The locks themselves and their nodes, in the format that Grafana imports. */
export function locksDashboard(): Dashboard {
  const builder = dashboard(
    'quorlock',
    'quorlock',
    'Locks on a quorum of Redis nodes: what runs, what is skipped, what fails, and the state of the nodes.',
  );
  addRow(builder, 'At a glance', summaryPanels());
  addRow(builder, 'Locks', lockPanels());
  addRow(builder, 'Nodes', nodePanels());
  return addIds(builder.build());
}

function addRow(builder: DashboardBuilder, title: string, panels: readonly Builder<Panel>[]): void {
  builder.withRow(new RowBuilder(title));
  for (const panel of panels) builder.withPanel(panel);
}

/**
 * Adds ids and refIds, which the builders leave out. Without them, each import makes new ids, and links
 * break.
 */
function addIds(built: Dashboard): Dashboard {
  built.panels?.forEach((panel, index) => {
    panel.id = index + 1;
    if (!('targets' in panel)) return;
    panel.targets?.forEach((target, position) => {
      Object.assign(target, { refId: String.fromCharCode('A'.charCodeAt(0) + position) });
    });
  });
  return built;
}
