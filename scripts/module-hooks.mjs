import * as nodeModule from 'node:module';

/**
 * Adds the module hooks `resolve` and `load` of a file. They must not be async functions: Node calls them in
 * the thread that loads the modules. Older versions of Node (before 22.15) can only call them in a thread of
 * their own, where the file is loaded again; newer ones warn that this is deprecated.
 *
 * @param {URL} file
 * @param {unknown} [data] given to the file's function `initialize`
 */
export async function addModuleHooks(file, data) {
  /** @type {typeof nodeModule & { registerHooks?: (hooks: object) => void }} */
  const { registerHooks } = nodeModule;
  if (registerHooks === undefined) {
    nodeModule.register(file, { data });
    return;
  }
  const hooks = await import(file.href);
  hooks.initialize?.(data);
  registerHooks(hooks);
}
