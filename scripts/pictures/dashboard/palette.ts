import type { Theme } from '../drawing/theme.js';

/** Colours close to Grafana's. On white they are darker than Grafana's, to be readable. */
export interface Palette {
  readonly ground: string;
  readonly panel: string;
  readonly border: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  /** Text on a coloured band. */
  readonly onColor: string;
  /** Colours by the names in thresholds and mappings. */
  readonly named: Readonly<Record<string, string>>;
  /** Colours of the series of a panel, in order. */
  readonly series: readonly string[];
}

const DARK: Palette = {
  ground: '#111217',
  panel: '#181b1f',
  border: '#2b2d33',
  ink: '#e6e6ec',
  muted: '#a3a4b0',
  grid: '#2d3038',
  onColor: '#0b0c0e',
  named: {
    green: '#73bf69',
    yellow: '#f2cc0c',
    orange: '#ff9830',
    red: '#f2495c',
    blue: '#5794f2',
    purple: '#b877d9',
    text: '#a3a4b0',
  },
  series: ['#73bf69', '#f2cc0c', '#8ab8ff', '#ff9830', '#f2495c', '#b877d9', '#5794f2', '#37a2a2'],
};

const LIGHT: Palette = {
  ground: '#f4f5f5',
  panel: '#ffffff',
  border: '#dfe1e5',
  ink: '#24292e',
  muted: '#5a6069',
  grid: '#e7e9ec',
  onColor: '#ffffff',
  named: {
    green: '#37872d',
    yellow: '#b58900',
    orange: '#d9620a',
    red: '#c4162a',
    blue: '#1f60c4',
    purple: '#8f3bb8',
    text: '#5a6069',
  },
  series: ['#37872d', '#b58900', '#1f78c1', '#e0752d', '#c4162a', '#8f3bb8', '#0a437c', '#2f8f8f'],
};

export const paletteOf = ({ name }: Theme): Palette => (name === 'dark' ? DARK : LIGHT);

export const seriesColor = ({ series, ink }: Palette, index: number): string =>
  series[index % series.length] ?? ink;

export const namedColor = ({ named, ink }: Palette, name: string): string => named[name] ?? ink;
