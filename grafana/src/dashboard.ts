import {
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
  type Dashboard,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { lockPanels } from './lock-panels.js';
import { nodePanels } from './node-panels.js';
import { summaryPanels } from './summary-panels.js';
import { variables } from './variables.js';

/** The dashboard in the format that Grafana imports. */
export function quorlockDashboard(): Dashboard {
  const builder = new DashboardBuilder('quorlock')
    .uid('quorlock')
    .description(
      'Locks on a quorum of Redis nodes: what runs, what is skipped, what fails, and the state of the nodes.',
    )
    .tags(['quorlock', 'locks', 'redis'])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .refresh('30s')
    .variables(variables());
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
function addIds(dashboard: Dashboard): Dashboard {
  dashboard.panels?.forEach((panel, index) => {
    panel.id = index + 1;
    if (!('targets' in panel)) return;
    panel.targets?.forEach((target, position) => {
      Object.assign(target, { refId: String.fromCharCode('A'.charCodeAt(0) + position) });
    });
  });
  return dashboard;
}
