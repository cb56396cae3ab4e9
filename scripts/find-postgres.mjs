import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './find-program.mjs';

/** Debian puts the programs of each version into a folder of its own, which is in no PATH. */
const DEBIAN = '/usr/lib/postgresql';

/**
 * The full path of a program of PostgreSQL, such as initdb, or `undefined` if there is none.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
export function findPostgres(name) {
  const newestFirst = versions().sort((a, b) => Number(b) - Number(a));
  const found = newestFirst.map((version) => findProgram(name, [join(DEBIAN, version, 'bin')]));
  return found.find((path) => path !== undefined) ?? findProgram(name);
}

/** @returns {string[]} */
function versions() {
  try {
    return readdirSync(DEBIAN);
  } catch {
    return [];
  }
}
