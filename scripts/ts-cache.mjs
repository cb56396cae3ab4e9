/**
 * Keeps in `.cache/ts` what each TypeScript file became. Tests and the demo start hundreds of processes that
 * load the same sources, and to transform these is the larger part of such a start.
 */
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc-options.mjs';

const folder = fileURLToPath(new URL('../.cache/ts/', import.meta.url));
const require = createRequire(import.meta.url);
const { version } = require('@swc/core/package.json');
const transformation = `${version} ${JSON.stringify(swcOptions)}`;

/**
 * The JavaScript of a TypeScript file, with its source map. Each file has one place, which tells in its last
 * line what it was made from.
 *
 * @param {string} filename
 */
export function javaScriptOf(filename) {
  const text = readFileSync(filename, 'utf8');
  const origin = `\n// ${hash('sha1', `${transformation}\n${filename}\n${text}`)}\n`;
  const place = `${folder}${hash('sha1', filename)}.js`;
  const kept = contentOf(place);
  if (kept.endsWith(origin)) return kept;
  // It takes a while to load, and most processes never need it.
  /** @type {typeof import('@swc/core')} */
  const { transformSync } = require('@swc/core');
  const { code } = transformSync(text, { ...swcOptions, filename, swcrc: false });
  keep(place, code + origin);
  return code;
}

/** @param {string} place */
function contentOf(place) {
  try {
    return readFileSync(place, 'utf8');
  } catch {
    return '';
  }
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
