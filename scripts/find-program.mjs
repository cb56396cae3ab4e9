import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Package managers put programs here; the PATH may lack some of these folders. */
const commonPlaces = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/**
 * The full path of a program, or `undefined` if there is none.
 *
 * @param {string} name
 * @param {readonly string[]} places where to look; by default the PATH and the usual folders
 * @returns {string | undefined}
 */
export function findProgram(
  name,
  places = [...(process.env['PATH'] ?? '').split(delimiter), ...commonPlaces],
) {
  return places.map((place) => join(place || '.', name)).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
