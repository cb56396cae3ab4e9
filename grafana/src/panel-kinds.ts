import { PanelBuilder as BarGaugePanel } from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapPanel,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import {
  DataqueryBuilder,
  PromQueryFormat,
  QueryEditorMode,
} from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelinePanel } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { DATASOURCE } from './variables.js';

/** The text of a panel. */
export interface About {
  readonly title: string;
  /** What the panel shows, and what it means. */
  readonly description: string;
  /** Grafana's unit id. */
  readonly unit: string;
}

export interface Query {
  readonly expr: string;
  readonly legend: string;
}

const dataQuery = ({ expr, legend }: Query) =>
  new DataqueryBuilder()
    .datasource(DATASOURCE)
    .editorMode(QueryEditorMode.Code)
    .expr(expr)
    .legendFormat(legend);

const range = (query: Query) => dataQuery(query).range();

const instant = (query: Query) => dataQuery(query).instant();

const thresholds = (steps: readonly Threshold[]) =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps]);

const NEUTRAL: readonly Threshold[] = [{ value: null, color: 'blue' }];

/** Thresholds: green below `value`, and from there on `color`. */
export const worseFrom = (value: number, color: 'orange' | 'red'): readonly Threshold[] => [
  { value: null, color: 'green' },
  { value, color },
];

const last = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields('');

const legendTable = (...calcs: readonly string[]) =>
  new VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .calcs([...calcs])
    // Of many locks, those with the highest values come first.
    .sortBy('Max')
    .sortDesc(true);

const tooltip = () =>
  new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending);

/** One number: its value now, or over the chosen time range. */
export function stat({ title, description, unit }: About, query: Query, steps = NEUTRAL): StatPanel {
  return new StatPanel()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .decimals(0)
    .thresholds(thresholds(steps))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(last())
    .withTarget(instant(query))
    .span(4)
    .height(4);
}

/** Lines over time. */
export function lines({ title, description, unit }: About, queries: readonly Query[]): TimeSeriesPanel {
  return new TimeSeriesPanel()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .min(0)
    .lineWidth(1)
    .fillOpacity(10)
    .showPoints(VisibilityMode.Auto)
    .legend(legendTable('lastNotNull', 'max'))
    .tooltip(tooltip())
    .targets(queries.map(range))
    .span(8)
    .height(8);
}

/** Stacked bars over time, for rare events: a line would show each as a slope. */
export function bars(about: About, queries: readonly Query[]): TimeSeriesPanel {
  return lines(about, queries)
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    .legend(legendTable('max', 'mean'))
    .tooltip(tooltip().hideZeros(true));
}

/** One bar for each series, with its value now. */
export function barGauge({ title, description, unit }: About, query: Query): BarGaugePanel {
  return new BarGaugePanel()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .min(0)
    .thresholds(thresholds(NEUTRAL))
    .displayMode(BarGaugeDisplayMode.Basic)
    .orientation(VizOrientation.Horizontal)
    .showUnfilled(true)
    .reduceOptions(last())
    .withTarget(instant(query))
    .span(8)
    .height(8);
}

/** One band over time for each series, whose value is a state. */
export function states({ title, description, unit }: About, query: Query): StateTimelinePanel {
  return new StateTimelinePanel()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .thresholds(thresholds(NEUTRAL))
    .showValue(VisibilityMode.Auto)
    .mergeValues(true)
    .fillOpacity(80)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(tooltip())
    .withTarget(range(query))
    .span(12)
    .height(8);
}

/** A column of a table: one value for each lock. */
export interface Column extends Query {
  readonly unit: string;
  /** The value from which the cell is red. */
  readonly redFrom?: number;
}

/** One row for each lock, and one column for each query. */
export function table({ title, description, unit }: About, columns: readonly Column[]): TablePanel {
  const panel = new TablePanel()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .decimals(1)
    .thresholds(thresholds(NEUTRAL))
    .targets(columns.map((column) => instant(column).format(PromQueryFormat.Table)))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        renameByName: { lock: 'job', ...Object.fromEntries(columns.map(nameOfColumn)) },
      },
    })
    .span(24)
    .height(8);
  for (const { legend, unit: unitOfColumn, redFrom } of columns) {
    panel.overrideByName(legend, [
      { id: 'unit', value: unitOfColumn },
      ...(redFrom === undefined
        ? []
        : [
            { id: 'thresholds', value: { mode: 'absolute', steps: worseFrom(redFrom, 'red') } },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]),
    ]);
  }
  return panel;
}

/** Grafana calls the values of the merged queries `Value #A` and so on. */
const nameOfColumn = ({ legend }: Column, index: number): [string, string] => [
  `Value #${String.fromCharCode('A'.charCodeAt(0) + index)}`,
  legend,
];

/** How many values fall into each bucket, over time. */
export function heatmap({ title, description, unit }: About, query: Query): HeatmapPanel {
  return new HeatmapPanel()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Blues').steps(32))
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .withTarget(range(query).format(PromQueryFormat.Heatmap))
    .span(8)
    .height(8);
}
