import type { DiscoveryService } from '@nestjs/core';
import type { LockRunner } from '../lock-runner.js';
import { getRunnerToken } from '../tokens.js';

/**
 * The imports of the module by one name in an application. Each call of `forRoot()` is one, with a manager
 * and a runner of its own, and Nest decides which of them a class gets.
 */
export class ModuleImports {
  /** The runners of all imports. */
  readonly runners: readonly object[];
  readonly #isAnyGlobal: boolean;

  constructor(
    discovery: DiscoveryService,
    private readonly name: string,
  ) {
    const wrappers = discovery.getProviders().filter(({ token }) => token === getRunnerToken(name));
    this.runners = wrappers.map(({ instance }) => instance as LockRunner);
    this.#isAnyGlobal = wrappers.some(({ host }) => host?.isGlobal === true);
  }

  /**
   * Returns a warning if there are several imports of which one is global; the first of them reports.
   *
   * @throws Error if they lock on different nodes: methods with one key would run at the same time.
   */
  report(runner: LockRunner): string | undefined {
    const { length } = this.runners;
    if (length < 2 || !this.#isAnyGlobal || this.runners[0] !== runner) return undefined;
    const what = `QuorlockModule is imported ${length} times with the name "${this.name}"`;
    const places = new Set((this.runners as LockRunner[]).map(({ place }) => place));
    if (places.size === 1) return `${what}: each has connections of its own. It is global: import it once`;
    throw new Error(
      `${what}, to lock on different nodes: ${[...places].join('; ').slice(0, 500)}. Methods with the same ` +
        'key would run at the same time. Give each of them a name of its own',
    );
  }
}
