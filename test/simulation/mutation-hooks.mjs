/**
 * Module hooks that change a source when it is loaded. The file itself stays unchanged. `initialize` receives
 * the edits. An edit whose original text does not occur exactly once is an error.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';
import { swcOptions } from '../../scripts/swc-options.mjs';

const sources = new URL('../../src/', import.meta.url).href;
/** @type {readonly import('./mutations/mutation.js').Edit[]} */
let edits = [];

/** @param {typeof edits} given */
export function initialize(given) {
  edits = given;
}

/** @type {import('node:module').LoadHook} */
export function load(url, context, nextLoad) {
  const ownEdits = edits.filter(({ file }) => url === sources + file);
  if (ownEdits.length === 0) return nextLoad(url, context);
  const filename = fileURLToPath(url);
  let text = readFileSync(filename, 'utf8');
  for (const { file, original, replacement } of ownEdits) {
    const parts = text.split(original);
    if (parts.length !== 2) throw new Error(`${file} has this text ${parts.length - 1} times: ${original}`);
    text = parts.join(replacement);
  }
  const { code } = transformSync(text, { ...swcOptions, filename, swcrc: false });
  return { format: 'module', source: code, shortCircuit: true };
}
