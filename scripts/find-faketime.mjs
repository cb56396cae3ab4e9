import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Debian's folders for libraries, by machine. */
const folders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'];

/** @param {string} library */
const find = (library) => folders.map((folder) => join(folder, library)).find((file) => existsSync(file));

export const findLibfaketime = () => find('faketime/libfaketime.so.1');

/** redis-server's own allocator does not work with libfaketime. This one does. */
export const findTcmalloc = () => find('libtcmalloc_minimal.so.4');

/**
 * The value of LD_PRELOAD that lets a test step the clock of a single redis-server; `undefined` if a library
 * is missing.
 */
export function findFaketime() {
  const libraries = [findTcmalloc(), findLibfaketime()];
  return libraries.every((file) => file !== undefined) ? libraries.join(':') : undefined;
}
