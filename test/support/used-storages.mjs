import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Notes which storages are used from now on. The function that is returned puts them out of use and ends the
 * notes.
 *
 * Up to Node 22 a storage that was used once has a part in every promise of its process from then on, until
 * it is disabled. Nobody disables those of the library: they live as long as their process. But a process of
 * Jest runs many test files, and each file loads the library anew.
 *
 * @returns {() => void}
 */
export function noteStorages() {
  /** @type {Set<AsyncLocalStorage<unknown>>} */
  const used = new Set();
  const { prototype } = AsyncLocalStorage;
  const { run, enterWith } = prototype;

  /** @type {typeof run} */
  prototype.run = function (/** @type {Parameters<typeof run>} */ ...args) {
    used.add(this);
    return run.apply(this, args);
  };
  prototype.enterWith = function (store) {
    used.add(this);
    enterWith.call(this, store);
  };

  return () => {
    Object.assign(prototype, { run, enterWith });
    for (const storage of used) storage.disable();
  };
}
