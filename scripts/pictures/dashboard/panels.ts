import { readFileSync } from 'node:fs';

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  /** Whether it is a query for the current value only. */
  readonly instant?: boolean;
}

/** The parts of a panel that are drawn. */
export interface Panel {
  readonly type: 'row' | 'stat' | 'timeseries' | 'bargauge' | 'state-timeline' | 'table' | 'heatmap';
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly options?: { readonly legend?: { readonly calcs: readonly string[] } };
  readonly fieldConfig?: { readonly defaults: FieldDefaults; readonly overrides?: readonly Override[] };
}

/** What holds for the column of a table that has this name. */
interface Override {
  readonly matcher: { readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

interface FieldDefaults {
  readonly unit: string;
  readonly custom?: { readonly drawStyle?: string; readonly fillOpacity?: number };
  readonly thresholds?: {
    readonly steps: readonly { readonly value: number | null; readonly color: string }[];
  };
  readonly mappings?: readonly { readonly options: Readonly<Record<string, Mapping>> }[];
}

export interface Mapping {
  readonly text: string;
  readonly color: string;
}

export interface DashboardFile {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly label: string; readonly name: string; readonly type: string }[];
  };
}

const read = (name: string): DashboardFile =>
  JSON.parse(readFileSync(new URL(`../../../grafana/${name}`, import.meta.url), 'utf8')) as DashboardFile;

/** The committed dashboards: Grafana reads the same files. */
export const DASHBOARDS = { jobs: read('jobs.json'), locks: read('quorlock.json') } as const;

export type DashboardName = keyof typeof DASHBOARDS;

/** The unit of a column of a table. */
export const unitOfColumn = ({ fieldConfig }: Panel, column: string): string =>
  (fieldConfig?.overrides
    ?.find(({ matcher }) => matcher.options === column)
    ?.properties.find(({ id }) => id === 'unit')?.value as string | undefined) ?? 'short';

/** The value from which a cell of this column is red; `undefined`: none. */
export function redFromOf({ fieldConfig }: Panel, column: string): number | undefined {
  const found = fieldConfig?.overrides
    ?.find(({ matcher }) => matcher.options === column)
    ?.properties.find(({ id }) => id === 'thresholds')?.value as
    { readonly steps: readonly { readonly value: number | null }[] } | undefined;
  return found?.steps.at(-1)?.value ?? undefined;
}

export const unitOf = ({ fieldConfig }: Panel): string => fieldConfig?.defaults.unit ?? 'short';

/** Returns the text that the panel shows instead of the value, if it has one. */
export const mappingOf = ({ fieldConfig }: Panel, value: number): Mapping | undefined =>
  fieldConfig?.defaults.mappings
    ?.map(({ options }) => options[String(value)])
    .find((found) => found !== undefined);

/** Returns the name of the colour of the last threshold that the value has reached. */
export const thresholdColor = ({ fieldConfig }: Panel, value: number): string =>
  fieldConfig?.defaults.thresholds?.steps.findLast((step) => step.value === null || value >= step.value)
    ?.color ?? 'text';
