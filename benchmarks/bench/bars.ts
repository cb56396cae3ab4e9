const WIDTH = 760;
const LABELS = 220;
const ROW = 30;
const TOP = 52;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Horizontal bars as SVG, which can be read on a light ground and on a dark one. */
export function bars(
  title: string,
  values: readonly (readonly [name: string, value: number])[],
  ours: string,
): string {
  const most = Math.max(...values.map(([, value]) => value));
  const height = TOP + values.length * ROW + 14;
  const rows = values.map(([name, value], index) => {
    const y = TOP + index * ROW;
    const width = Math.max(2, (value / most) * (WIDTH - LABELS - 110));
    const figure = Math.round(value).toLocaleString('en-US');
    return [
      `  <text x="${LABELS - 12}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `  <rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="20" rx="3" fill="${name === ours ? '#2f9e6e' : '#8a94a6'}"/>`,
      `  <text x="${(LABELS + width + 8).toFixed(1)}" y="${y + 15}">${figure}</text>`,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    '  <style>text { font: 13px system-ui, sans-serif; fill: #57606a; } .title { font-size: 15px; font-weight: 600; } @media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }</style>',
    `  <text class="title" x="16" y="28">${escaped(title)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}
