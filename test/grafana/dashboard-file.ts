import { readFileSync } from 'node:fs';

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  /** Whether it is a query for the current value only. */
  readonly instant?: boolean;
  readonly datasource: unknown;
}

export interface PanelInFile {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly Target[];
  readonly datasource?: unknown;
}

interface DashboardInFile {
  readonly uid: string;
  readonly panels: readonly PanelInFile[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const read = (name: string): DashboardInFile =>
  JSON.parse(readFileSync(new URL(`../../grafana/${name}`, import.meta.url), 'utf8')) as DashboardInFile;

/** All committed dashboards. */
export const dashboardFiles: readonly DashboardInFile[] = [read('jobs.json'), read('quorlock.json')];

export const panelsInFiles: readonly PanelInFile[] = dashboardFiles.flatMap(({ panels }) =>
  panels.filter(({ type }) => type !== 'row'),
);

export const alertsPath = new URL('../../grafana/alerts.yml', import.meta.url);

export interface PanelQuery {
  /** Unique: the id of the panel, its title and the query in it. */
  readonly name: string;
  readonly panel: string;
  readonly expr: string;
  readonly legend: string;
}

/** The values of the dashboard's variables. */
export interface Filled {
  readonly rateInterval: string;
  readonly range: string;
  readonly window: string;
}

/** The expression that Grafana sends if everything is chosen. */
export const filled = (expr: string, { rateInterval, range, window }: Filled): string =>
  expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$__range', range)
    .replaceAll('$window', window)
    .replaceAll(/\$(job|instance|lock)\b/g, '.*');

/** Every query of every panel of all dashboards that Grafana sends if everything is chosen. */
export const panelQueries = (values: Filled): readonly PanelQuery[] =>
  panelsInFiles.flatMap(({ id, title, targets = [] }) =>
    targets.map(({ refId, expr, legendFormat }) => ({
      name: `${id} ${title} ${refId}`,
      panel: title,
      legend: legendFormat,
      expr: filled(expr, values),
    })),
  );
