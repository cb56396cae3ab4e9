import type { Answer, Recording } from '../recording/recording.js';
import type { Panel } from './panels.js';

/** One series of a panel; the name is that in the legend. */
export interface NamedSeries {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

/** The first and the last instant of the values, in seconds since the Unix epoch. */
export interface Axis {
  readonly from: number;
  readonly to: number;
}

/** What was recorded for an expression of the panel. */
export function answerTo({ title }: Panel, expr: string, { answers }: Recording): Answer['series'] {
  const answer = answers.find((candidate) => candidate.expr === expr);
  if (answer === undefined)
    throw new Error(`"${title}" was recorded with another expression: run \`npm run pictures -- --record\``);
  return answer.series;
}

/** Returns the recorded series of the panel, those with the highest values first, as in its legend. */
export function seriesOf(panel: Panel, recording: Recording): readonly NamedSeries[] {
  const named = (panel.targets ?? []).flatMap(({ expr, legendFormat }) => {
    return answerTo(panel, expr, recording).map(({ labels, values }) => ({
      name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? ''),
      values,
    }));
  });
  return named.sort((one, other) => maxOf(other) - maxOf(one) || one.name.localeCompare(other.name));
}

const presentIn = ({ values }: NamedSeries): readonly number[] =>
  values.filter((value) => value !== undefined);

export const maxOf = (series: NamedSeries): number => Math.max(0, ...presentIn(series));

export const lastOf = (series: NamedSeries): number | undefined => presentIn(series).at(-1);

export function meanOf(series: NamedSeries): number | undefined {
  const present = presentIn(series);
  return present.length === 0 ? undefined : present.reduce((sum, value) => sum + value, 0) / present.length;
}
