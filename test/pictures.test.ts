import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { paletteOf } from '../scripts/pictures/dashboard/palette.js';
import { THEMES } from '../scripts/pictures/drawing/theme.js';

const folder = new URL('../docs/pictures/', import.meta.url);

const pictures = readdirSync(folder)
  .filter((name) => name.endsWith('.svg'))
  .map((name) => ({ name, svg: readFileSync(new URL(name, folder), 'utf8') }));

describe('the pictures of the documentation', () => {
  it('are what the scripts draw, from what was recorded of the dashboard as it is now', () => {
    const run = spawnSync(
      process.execPath,
      ['--import', './scripts/ts-loader.mjs', 'scripts/pictures/main.ts', '--check'],
      { cwd: fileURLToPath(new URL('../', import.meta.url)), encoding: 'utf8' },
    );
    expect(run.stdout + run.stderr).toBe('');
    expect(run.status).toBe(0);
  });

  it('are there in light and in dark', () => {
    const names = [
      'architecture',
      'dashboard',
      'dashboard-full',
      'jobs-dashboard',
      'lease-timeline',
      'quorum',
    ];
    const files = names.flatMap((name) => [`${name}-dark.svg`, `${name}-light.svg`]);
    expect(pictures.map(({ name }) => name).sort()).toEqual(files.sort());
  });

  it.each(pictures)('$name has a title and a description for those who cannot see it', ({ svg }) => {
    expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="title description"/);
    expect(svg).toMatch(/<title id="title">[^<]{10,}<\/title>/);
    expect(svg).toMatch(/<desc id="description">[^<]{60,}<\/desc>/);
  });

  it.each(pictures)('$name loads nothing: no other file, no font, no script', ({ svg }) => {
    const urls = svg.match(/[a-z]+:\/\/[^"'\s<]*/g);
    expect(urls).toEqual(['http://www.w3.org/2000/svg']);
    expect(svg).not.toMatch(
      /<(?:script|image|use|style|foreignObject|a)\b|href=|url\(|@import|@font-face|on\w+=/,
    );
  });

  it.each(pictures)('$name can be read at a width of 900: no letter is smaller than 11', ({ svg }) => {
    expect(svg).toMatch(/^<svg [^>]*width="900"/);
    const sizes = [...svg.matchAll(/font-size="([\d.]+)"/g)].map(([, size]) => Number(size));
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(11);
  });
});

/** The relative luminance of a colour, as WCAG 2 defines it. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

describe.each(THEMES)('the colours in $name', (theme) => {
  const { ground, card, ink, muted, blue, green, amber, red, purple, gray, rings } = theme;
  const hues = { blue, green, amber, red, purple, gray };
  const palette = paletteOf(theme);

  it.each<[string, string, string]>([
    ...Object.entries({ ground, card }).flatMap(([name, behind]): [string, string, string][] => [
      [`text on ${name}`, ink, behind],
      [`muted text on ${name}`, muted, behind],
    ]),
    ...Object.entries(hues).flatMap(([name, hue]): [string, string, string][] => [
      [`${name} on its own area`, hue.text, hue.soft],
      [`${name} on the ground`, hue.text, ground],
      [`muted text on ${name}`, muted, hue.soft],
    ]),
    ...rings
      .slice(0, -1)
      .map((ring, depth): [string, string, string] => [`text on ring ${depth}`, ink, ring]),
    ['text on the innermost ring', '#ffffff', rings.at(-1)!],
    ['text on a panel', palette.ink, palette.panel],
    ['muted text on a panel', palette.muted, palette.panel],
  ])('let %s be read: a contrast of 4.5', (_name, front, behind) => {
    expect(contrast(front, behind)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(Object.entries(palette.named))(
    'let a large number in %s be read: a contrast of 3',
    (_name, color) => {
      expect(contrast(color, palette.panel)).toBeGreaterThanOrEqual(3);
    },
  );
});
