import type { Theme } from './theme.js';

type Value = string | number | undefined;

/** Rounds to a tenth of a pixel, to keep the files small. */
const rounded = (pixels: number): string => String(Math.round(pixels * 10) / 10);

function printed(key: string, value: string | number): string {
  if (typeof value === 'number') return rounded(value);
  return key === 'd' || key === 'transform'
    ? value.replaceAll(/\d+\.\d+(?:e-\d+)?/g, (one) => rounded(Number(one)))
    : escaped(value);
}

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Writes one element. Leaves out attributes that are undefined. Children are markup already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, Value>>,
  ...children: string[]
): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${printed(key, value)}"`],
  );
  const opening = `<${name}${written.join('')}`;
  return children.length === 0 ? `${opening}/>` : `${opening}>${children.join('')}</${name}>`;
}

export const group = (attributes: Readonly<Record<string, Value>>, ...children: string[]): string =>
  element('g', attributes, `\n${children.join('\n')}\n`);

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** The first words of a screen reader. */
  readonly title: string;
  /** Says in words what the picture shows, a sentence each. */
  readonly description: readonly string[];
  readonly body: readonly string[];
}

/** Names fonts of the reader's machine: an image in a page cannot load any. */
const SANS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Inter,'Helvetica Neue',Arial,sans-serif";
export const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace";

/** Writes a whole file: a framed background with the drawing on it. */
export function svgFile({ width, height, title, description, body }: Picture, theme: Theme): string {
  const frame = element('rect', {
    x: 0.5,
    y: 0.5,
    width: width - 1,
    height: height - 1,
    rx: 12,
    fill: theme.ground,
    stroke: theme.line,
  });
  const root = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-labelledby': 'title description',
    'font-family': SANS,
    'font-size': 13,
    fill: theme.ink,
  };
  const parts = [
    element('title', { id: 'title' }, escaped(title)),
    element('desc', { id: 'description' }, escaped(description.join(' '))),
    frame,
    ...body,
  ];
  return `${element('svg', root, `\n${parts.join('\n')}\n`)}\n`;
}
