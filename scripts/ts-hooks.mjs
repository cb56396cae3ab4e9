/** The module hooks behind ts-loader.mjs. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { javaScriptOf } from './ts-cache.mjs';

const sources = new URL('../src/', import.meta.url);

/** @type {import('node:module').ResolveHook} */
export function resolve(specifier, context, nextResolve) {
  const url =
    ownSource(specifier) ??
    typeScriptNeighbour(specifier, context.parentURL) ??
    typeScriptEntry(specifier, context.parentURL);
  return nextResolve(url ? url.href : specifier, context);
}

/** @type {import('node:module').LoadHook} */
export function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) return nextLoad(url, context);
  const code = javaScriptOf(fileURLToPath(url));
  return { format: 'module', source: code, shortCircuit: true };
}

/**
 * The README and the examples import the package by its name. Here the name stands for the sources, so that
 * they need no build and never run a stale one.
 *
 * @param {string} specifier
 */
function ownSource(specifier) {
  const match = /^quorlock(?:\/([a-z-]+))?$/.exec(specifier);
  return match ? new URL(match[1] ? `${match[1]}/index.ts` : 'index.ts', sources) : undefined;
}

/**
 * A worker thread is started with the file that `tsc` writes later. This finds the TypeScript file.
 *
 * @param {string} specifier
 * @param {string | undefined} parentURL
 */
function typeScriptEntry(specifier, parentURL) {
  if (parentURL !== undefined || !specifier.startsWith(sources.href) || !specifier.endsWith('.js'))
    return undefined;
  return new URL(specifier.replace(/\.js$/, '.ts'));
}

/**
 * A relative import names the file that `tsc` writes later, `./vote.js`. This finds `./vote.ts`.
 *
 * @param {string} specifier
 * @param {string | undefined} parentURL
 */
function typeScriptNeighbour(specifier, parentURL) {
  if (!/^\.{1,2}\/.*\.js$/.test(specifier) || !parentURL?.startsWith('file:')) return undefined;
  const url = new URL(specifier.replace(/\.js$/, '.ts'), parentURL);
  return existsSync(url) ? url : undefined;
}
