import { element, escaped, MONO } from './svg.js';

export interface TextStyle {
  readonly size?: number;
  readonly weight?: number;
  readonly fill?: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly mono?: boolean;
  /** The room for the text, in pixels. A text that may not fit is an error, so that nothing overlaps. */
  readonly within?: number;
}

const NARROW = /[ijlI.,:;'|!()[\]{}/ ft-]/;
const WIDE = /[mwMW%@]/;
const CAPITAL = /[A-Z]/;

const widthOf = (character: string): number => {
  if (NARROW.test(character)) return 0.34;
  if (WIDE.test(character)) return 0.92;
  return CAPITAL.test(character) ? 0.72 : 0.6;
};

const MONO_WIDTH = 0.61;
const BOLD = 1.06;

/** Estimates the width in a wide font such as DejaVu Sans: the reader's font may be narrower. */
export function textWidth(
  content: string,
  { size = 13, weight = 400, mono = false }: TextStyle = {},
): number {
  const ems = mono
    ? content.length * MONO_WIDTH
    : Array.from(content).reduce((sum, one) => sum + widthOf(one), 0);
  return ems * size * (weight >= 600 && !mono ? BOLD : 1);
}

function checkFits(content: string, style: TextStyle): void {
  const { within = Number.POSITIVE_INFINITY } = style;
  const width = textWidth(content, style);
  if (width > within) throw new RangeError(`"${content}" may be ${Math.ceil(width)} wide, and has ${within}`);
}

/** Draws one line of text; `y` is its baseline. */
export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  checkFits(content, style);
  // Keeps the indentation of code.
  const space = style.mono ? 'preserve' : undefined;
  return element('text', { x, y, 'xml:space': space, ...attributesOf(style) }, escaped(content));
}

/** Draws one line of parts that look different. */
export function spans(
  x: number,
  y: number,
  parts: readonly (readonly [content: string, style: TextStyle])[],
  { within = Number.POSITIVE_INFINITY, ...style }: TextStyle = {},
): string {
  const width = parts.reduce((sum, [content, own]) => sum + textWidth(content, { ...style, ...own }), 0);
  const whole = parts.map(([content]) => content).join('');
  if (width > within) throw new RangeError(`"${whole}" may be ${Math.ceil(width)} wide, and has ${within}`);
  const written = parts.map(([content, own]) => element('tspan', attributesOf(own), escaped(content)));
  // Keeps the spaces between the parts.
  return element('text', { x, y, 'xml:space': 'preserve', ...attributesOf(style) }, ...written);
}

/** Draws lines under each other; `y` is the baseline of the first. */
export const lines = (
  x: number,
  y: number,
  contents: readonly string[],
  { leading = 18, ...style }: TextStyle & { readonly leading?: number } = {},
): string => contents.map((content, index) => text(x, y + index * leading, content, style)).join('');

const attributesOf = ({ size, weight, fill, anchor, mono }: TextStyle) => ({
  'font-size': size,
  'font-weight': weight,
  fill,
  'text-anchor': anchor === 'start' ? undefined : anchor,
  'font-family': mono ? MONO : undefined,
});

/** Cuts the text where the room ends. */
export function shortened(content: string, within: number, size: number): string {
  if (textWidth(content, { size }) <= within) return content;
  const characters = Array.from(content);
  while (characters.length > 0 && textWidth(`${characters.join('')}…`, { size }) > within) characters.pop();
  return `${characters.join('')}…`;
}

/** Breaks the text between words into lines that fit. */
export function wrapped(content: string, within: number, style: TextStyle = {}): readonly string[] {
  return content.split(' ').reduce<readonly string[]>((done, word) => {
    const last = done.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    const fits = textWidth(longer, style) <= within;
    return fits || last === undefined ? [...done.slice(0, -1), longer] : [...done, word];
  }, []);
}
