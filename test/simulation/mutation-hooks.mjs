/**
 * Module hooks that change a source as it is loaded: the algorithm is made wrong without a trace of it in the sources.
 * `initialize` gets the edits; one whose original is not there, or not once, is an error.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import { swcOptions } from '../../scripts/swc-options.mjs';

const sources = new URL('../../src/', import.meta.url).href;
/** @type {readonly import('./mutations.js').Edit[]} */
let edits = [];

/** @param {typeof edits} given */
export function initialize(given) {
  edits = given;
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  const mine = edits.filter(({ file }) => url === sources + file);
  if (mine.length === 0) return nextLoad(url, context);
  const filename = fileURLToPath(url);
  let text = await readFile(filename, 'utf8');
  for (const { file, original, replacement } of mine) {
    const parts = text.split(original);
    if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times: ${original}`);
    text = parts.join(replacement);
  }
  const { code } = await transform(text, { ...swcOptions, filename, swcrc: false });
  return { format: 'module', source: code, shortCircuit: true };
}
