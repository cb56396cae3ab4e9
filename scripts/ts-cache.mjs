/**
 * Keeps in `.cache/ts` what each TypeScript file became. Tests and the demo start hundreds of processes that
 * load the same sources, and to transform these is the larger part of such a start.
 */
import { hash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc-options.mjs';

const folder = fileURLToPath(new URL('../.cache/ts/', import.meta.url));
const { version } = createRequire(import.meta.url)('@swc/core/package.json');
const transformation = `${version} ${JSON.stringify(swcOptions)}`;

/**
 * The JavaScript of a TypeScript file, with its source map. Each file has one place, which tells in its last
 * line what it was made from.
 *
 * @param {string} filename
 */
export async function javaScriptOf(filename) {
  const text = await readFile(filename, 'utf8');
  const origin = `\n// ${hash('sha1', `${transformation}\n${filename}\n${text}`)}\n`;
  const place = `${folder}${hash('sha1', filename)}.js`;
  const kept = await readFile(place, 'utf8').catch(() => '');
  if (kept.endsWith(origin)) return kept;
  // It takes a while to load, and most processes never need it.
  const { transform } = await import('@swc/core');
  const { code } = await transform(text, { ...swcOptions, filename, swcrc: false });
  keep(place, code + origin);
  return code;
}

/**
 * Other processes may read or write the same place at the same time, so it is complete when it appears.
 *
 * @param {string} place
 * @param {string} code
 */
function keep(place, code) {
  const draft = `${place}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(draft, code);
    renameSync(draft, place);
  } catch {
    // A folder that cannot be written to costs time only.
  }
}
