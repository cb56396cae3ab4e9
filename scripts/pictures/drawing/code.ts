import { spans, type TextStyle } from './text.js';
import type { Theme } from './theme.js';

const TOKENS = /(?<string>'[^']*')|(?<decorator>@\w+)|(?<keyword>\b(?:async|await)\b)|[^'@a]+|./g;

/** Draws lines of TypeScript with the colours of an editor. */
export const code = (
  x: number,
  y: number,
  contents: readonly string[],
  within: number,
  theme: Theme,
): string => contents.map((content, index) => codeLine(x, y + index * 17, content, within, theme)).join('');

function codeLine(x: number, y: number, content: string, within: number, theme: Theme): string {
  const parts = Array.from(content.matchAll(TOKENS), ([part, ...rest]) => {
    const [string, decorator, keyword] = rest;
    if (string !== undefined) return [part, { fill: theme.green.text }] as const;
    if (decorator !== undefined) return [part, { fill: theme.purple.text }] as const;
    return [part, keyword === undefined ? {} : { fill: theme.red.text }] as const;
  });
  const style: TextStyle = { size: 12, mono: true, fill: theme.ink, within };
  return spans(x, y, parts, style);
}
