import { TestEnvironment } from 'jest-environment-node';
import { noteStorages } from './used-storages.mjs';

/** The environment of a test file. What the file leaves behind does not slow down the files after it. */
export default class Environment extends TestEnvironment {
  #forget = () => {};

  /** @override */
  async setup() {
    await super.setup();
    this.#forget = noteStorages();
  }

  /** @override */
  async teardown() {
    this.#forget();
    await super.teardown();
  }
}
