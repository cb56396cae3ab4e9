import { element, group } from './svg.js';
import { text, textWidth, type TextStyle } from './text.js';
import type { Hue, Theme } from './theme.js';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Look {
  readonly fill?: string;
  readonly stroke?: string;
  readonly strokeWidth?: number;
  readonly radius?: number;
  readonly dash?: string;
  readonly opacity?: number;
}

export const rect = (
  { x, y, width, height }: Box,
  { fill = 'none', stroke, strokeWidth, radius, dash, opacity }: Look = {},
): string =>
  element('rect', {
    x,
    y,
    width,
    height,
    rx: radius,
    fill,
    stroke,
    'stroke-width': strokeWidth,
    'stroke-dasharray': dash,
    'fill-opacity': opacity,
  });

export const card = (box: Box, { card: fill, line: stroke }: Theme): string =>
  rect(box, { fill, stroke, radius: 8 });

export const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, dash?: string): string =>
  element('path', { d: `M${x1} ${y1}L${x2} ${y2}`, stroke, 'stroke-dasharray': dash, fill: 'none' });

export const curve = (
  d: string,
  stroke: string,
  { width = 1.5, dash }: { width?: number; dash?: string } = {},
) => element('path', { d, stroke, 'stroke-width': width, 'stroke-dasharray': dash, fill: 'none' });

/** Draws the head of an arrow with its tip at the point. Degrees: 0 points right, 90 points down. */
export const arrowHead = (x: number, y: number, degrees: number, fill: string): string =>
  element('path', {
    d: 'M0 0L-8 -4.5L-6.5 0L-8 4.5Z',
    transform: `translate(${x} ${y}) rotate(${degrees})`,
    fill,
  });

/** Draws a straight arrow. */
export function arrow(x1: number, y1: number, x2: number, y2: number, stroke: string, dash?: string): string {
  const degrees = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
  return (
    curve(`M${x1} ${y1}L${x2} ${y2}`, stroke, dash === undefined ? {} : { dash }) +
    arrowHead(x2, y2, degrees, stroke)
  );
}

/** Draws a label in a rounded box, centred at the point. */
export function pill(x: number, y: number, label: string, hue: Hue, style: TextStyle = {}): string {
  const look = { size: 12, weight: 600, ...style };
  const width = textWidth(label, look) + 18;
  const box = { x: x - width / 2, y: y - 11, width, height: 22 };
  return (
    rect(box, { fill: hue.soft, stroke: hue.solid, radius: 11 }) +
    text(x, y + look.size * 0.35, label, { ...look, fill: hue.text, anchor: 'middle' })
  );
}

/** Draws a disc with a sign in it. The sign is a path, because not every font has it. */
export function badge(
  x: number,
  y: number,
  sign: 'check' | 'cross' | 'dots',
  { solid }: Hue,
  ground: string,
): string {
  const stroke = {
    fill: 'none',
    stroke: ground,
    'stroke-width': 2,
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  };
  const signs = {
    check: element('path', { d: 'M-3.5 0.5L-1 3L4 -3', ...stroke }),
    cross: element('path', { d: 'M-3 -3L3 3M3 -3L-3 3', ...stroke }),
    dots: element('path', { d: 'M-4 0h0.1M0 0h0.1M4 0h0.1', ...stroke, 'stroke-width': 2.4 }),
  };
  return group({ transform: `translate(${x} ${y})` }, element('circle', { r: 8, fill: solid }), signs[sign]);
}

/** Draws the usual sign of a database. */
export function cylinder({ x, y, width, height }: Box, fill: string, stroke: string): string {
  const rx = width / 2;
  const ry = 7;
  const look = { fill, stroke, 'stroke-width': 1.5 };
  const side = `M${x} ${y + ry}v${height - 2 * ry}a${rx} ${ry} 0 0 0 ${width} 0v${-(height - 2 * ry)}`;
  return (
    element('path', { d: side, ...look }) + element('ellipse', { cx: x + rx, cy: y + ry, rx, ry, ...look })
  );
}
