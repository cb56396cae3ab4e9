import { line, rect } from '../drawing/shapes.js';
import { element } from '../drawing/svg.js';
import { lines, text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import type { LeaseRun } from './lease-run.js';
import { xOf } from './lease-scale.js';

const LENS = { x: 452, width: 420, height: 172 };
const PX_PER_MS = 2.2;

/** Draws the end of the lease enlarged, and the rules in words. */
export function leaseEnd(run: LeaseRun, top: number, theme: Theme): string {
  return [lens(run, top + 14, theme), rules(run, top + 34, theme)].join('');
}

function lens({ lostAt, marginMs, driftMs, keysExpireAt }: LeaseRun, top: number, theme: Theme): string {
  const { amber, gray, red, blue, green, muted, ink } = theme;
  const box = { ...LENS, y: top };
  const lostX = box.x + 36;
  const validX = lostX + marginMs * PX_PER_MS;
  const expireX = lostX + (keysExpireAt - lostAt) * PX_PER_MS;
  const driftX = validX + driftMs * PX_PER_MS;
  const y = top + 66;
  const height = 36;
  const from = xOf(lostAt - 20);
  const to = xOf(keysExpireAt + 20);
  const beam = `M${from} ${top - 30}H${to}L${box.x + box.width} ${top}H${box.x}Z`;
  const note = { size: 12, fill: ink } as const;
  return [
    element('path', { d: beam, fill: theme.card }),
    rect(box, { fill: theme.card, stroke: theme.line, radius: 8 }),
    rect({ x: box.x + 16, y, width: lostX - box.x - 16, height }, { fill: blue.soft }),
    rect({ x: lostX, y, width: validX - lostX, height }, { fill: amber.soft, stroke: amber.solid }),
    rect({ x: validX, y, width: driftX - validX, height }, { fill: gray.solid, opacity: 0.6 }),
    text((lostX + validX) / 2, y + 23, `${marginMs} ms for the work to stop`, {
      size: 12.5,
      weight: 600,
      anchor: 'middle',
      fill: amber.text,
    }),
    line(lostX, top + 34, lostX, y + height, red.solid),
    text(lostX, top + 26, `loss told after ${lostAt} ms: signal aborts`, {
      ...note,
      fill: red.text,
      weight: 600,
      anchor: 'start',
    }),
    line(validX, top + 54, validX, y + height + 20, blue.solid),
    text(validX, y + height + 36, 'validity ends', { ...note, anchor: 'middle' }),
    line(expireX, y - 6, expireX, y + height + 6, green.solid),
    text(validX + 10, y - 12, `keys expire: ${keysExpireAt} ms`, { ...note, fill: green.text, within: 146 }),
    text(validX, y + height + 54, `${driftMs} ms for drift: clocks run at different rates`, {
      size: 12,
      fill: muted,
      anchor: 'middle',
    }),
  ].join('');
}

const rules = ({ marginMs, driftMs }: LeaseRun, top: number, { muted }: Theme): string =>
  lines(
    28,
    top,
    [
      'An extension is due after a third of the TTL. A failed one is',
      'tried again a tenth of the TTL later.',
      '',
      `The loss is told ${marginMs} ms before validity ends, and validity`,
      `ends ${driftMs} ms before the keys can expire. So the work hears`,
      'of it before anybody else can hold the lock.',
    ],
    { size: 12.5, fill: muted, within: 410 },
  );
