import { readFileSync } from 'node:fs';

/** The parts of a panel that are drawn. */
export interface Panel {
  readonly type: 'row' | 'stat' | 'timeseries' | 'bargauge' | 'state-timeline';
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly options?: { readonly legend?: { readonly calcs: readonly string[] } };
  readonly fieldConfig?: { readonly defaults: FieldDefaults };
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

interface DashboardFile {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly label: string; readonly name: string; readonly type: string }[];
  };
}

/** The committed dashboard: Grafana reads the same file. */
export const dashboard = JSON.parse(
  readFileSync(new URL('../../../grafana/quorlock.json', import.meta.url), 'utf8'),
) as DashboardFile;

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
