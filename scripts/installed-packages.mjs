import { readFileSync } from 'node:fs';

/**
 * Whether node_modules is what the lockfile asks for. npm writes a list of what it has installed there, as
 * its last step, and this compares the two. An optional package may be missing: it may be for another
 * platform.
 *
 * @param {URL} root the folder of package-lock.json, with a slash at its end
 */
export function installedPackagesMatch(root) {
  try {
    const wanted = packagesOf(new URL('package-lock.json', root));
    const installed = packagesOf(new URL('node_modules/.package-lock.json', root));
    const isUpToDate = Object.entries(wanted).every(([path, entry]) => {
      const own = installed[path];
      return own ? own.integrity === entry.integrity && own.version === entry.version : isOptional(entry);
    });
    return isUpToDate && Object.keys(installed).every((path) => path in wanted);
  } catch {
    return false;
  }
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }} Entry
 * @param {URL} lockfile
 * @returns {Record<string, Entry>}
 */
function packagesOf(lockfile) {
  const { packages } = JSON.parse(readFileSync(lockfile, 'utf8'));
  delete packages[''];
  return packages;
}

/** @param {Entry} entry */
function isOptional({ optional, devOptional }) {
  return optional === true || devOptional === true;
}
