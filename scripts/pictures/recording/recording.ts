import { readFileSync, writeFileSync } from 'node:fs';
import type { DashboardName } from '../dashboard/panels.js';
import type { Series, TimeRange } from '../../../test/grafana/prometheus-server.js';

/** The answer of Prometheus to one query of the dashboard. */
export interface Answer {
  /** The expression as in the dashboard, with its variables. */
  readonly expr: string;
  readonly series: readonly Series[];
}

export interface Recording extends TimeRange {
  /** Values of the dashboard's variables. */
  readonly rateInterval: string;
  readonly window: string;
  readonly answers: readonly Answer[];
}

const fileOf = (name: DashboardName): URL => new URL(`recorded-${name}.json`, import.meta.url);

export const readRecording = (name: DashboardName): Recording =>
  JSON.parse(readFileSync(fileOf(name), 'utf8'), undefinedFrom) as Recording;

/** Writes a series on each line. Four digits are more than a picture shows. */
export function writeRecording(name: DashboardName, { answers, ...about }: Recording): void {
  const seriesLine = ({ labels, values }: Series): string =>
    `      ${JSON.stringify({ labels, values: values.map(rounded) })}`;
  const answerLines = ({ expr, series }: Answer): string =>
    `    { "expr": ${JSON.stringify(expr)}, "series": [\n${series.map(seriesLine).join(',\n')}\n    ] }`;
  const head = JSON.stringify(about, undefined, 2).slice(0, -2);
  writeFileSync(fileOf(name), `${head},\n  "answers": [\n${answers.map(answerLines).join(',\n')}\n  ]\n}\n`);
}

const rounded = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(4));

/** Reads null as a missing value: JSON has no `undefined`. */
const undefinedFrom = (_key: string, value: unknown): unknown =>
  Array.isArray(value) ? value.map((one: unknown) => one ?? undefined) : value;
