import { rect, type Box } from '../drawing/shapes.js';
import { svgFile } from '../drawing/svg.js';
import { lines, text, wrapped } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import type { Recording } from '../recording/recording.js';
import { barGauge } from './bar-gauge.js';
import { placed, type Placed } from './layout.js';
import { paletteOf, type Palette } from './palette.js';
import { seriesOf } from './panel-data.js';
import { heatmap } from './heatmap.js';
import type { DashboardFile, Panel } from './panels.js';
import { stat } from './stat.js';
import { stateTimeline } from './state-timeline.js';
import { table } from './table.js';
import { timeSeries } from './time-series.js';
import { toolbar } from './toolbar.js';

const WIDTH = 900;
const MARGIN = 14;
const TOP = 56;

/** What a picture shows. `says` describes it in words, for those who cannot see it. */
export interface Shown {
  readonly dashboard: DashboardFile;
  readonly recording: Recording;
  readonly panels: readonly Panel[];
  readonly says: readonly string[];
}

/** Draws these panels of a dashboard. */
export function dashboardPicture({ dashboard, recording, panels, says }: Shown, theme: Theme): string {
  const palette = paletteOf(theme);
  const all = placed(panels, { x: MARGIN, y: TOP, width: WIDTH - 2 * MARGIN });
  const bottom = Math.max(...all.map(({ box }) => box.y + box.height));
  return svgFile(
    {
      width: WIDTH,
      height: bottom + MARGIN,
      title: `The Grafana dashboard of ${dashboard.title}`,
      description: [...says],
      body: [
        toolbar(dashboard, recording, WIDTH, MARGIN, palette),
        ...all.map((one) => panelAt(one, recording, palette)),
      ],
    },
    { ...theme, ground: palette.ground, line: palette.border },
  );
}

function panelAt({ panel, box }: Placed, recording: Recording, palette: Palette): string {
  if (panel.type === 'row') {
    const chevron = { size: 13, weight: 600, fill: palette.ink };
    return text(box.x + 4, box.y + 16, panel.title, chevron);
  }
  const inner = { x: box.x + 10, y: box.y + 28, width: box.width - 20, height: box.height - 36 };
  const title = { size: 12, weight: 600, fill: palette.ink, within: box.width - 14 };
  return [
    rect(box, { fill: palette.panel, stroke: palette.border, radius: 3 }),
    lines(box.x + 10, box.y + 18, wrapped(panel.title, title.within, title), { ...title, leading: 15 }),
    content(panel, inner, recording, palette),
  ].join('\n');
}

function content(panel: Panel, box: Box, recording: Recording, palette: Palette): string {
  const series = panel.type === 'table' ? [] : seriesOf(panel, recording);
  switch (panel.type) {
    case 'stat':
      return stat(panel, series, box, palette);
    case 'timeseries':
      return timeSeries(panel, series, box, recording, palette);
    case 'bargauge':
      return barGauge(panel, series, box, palette);
    case 'state-timeline':
      return stateTimeline(panel, series, box, recording, palette);
    case 'table':
      return table(panel, recording, box, palette);
    case 'heatmap':
      return heatmap(panel, series, box, recording, palette);
    case 'row':
      return '';
  }
}
