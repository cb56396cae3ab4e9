/**
 * Installs packages with npm, from a registry that may fall silent in the middle of an answer. npm itself
 * waits five minutes for more, and then fails without asking again.
 */

/** How long nothing may come on a connection to the registry. */
const SILENCE_MS = 30_000;

const ATTEMPTS = 5;

/**
 * Runs `npm` with these arguments until it succeeds, five times at most. What an attempt has fetched is in
 * npm's cache for the next one. Rejects with the last error.
 *
 * @template Result
 * @param {(command: string, args: string[]) => Promise<Result> | Result} run throws or rejects if npm fails
 * @param {readonly string[]} args `install` or `ci`, with its options
 * @param {{ silenceMs?: number }} [options]
 * @returns {Promise<Result>}
 */
export async function npmInstall(run, args, { silenceMs = SILENCE_MS } = {}) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run('npm', [...args, '--no-audit', '--no-fund', `--fetch-timeout=${silenceMs}`]);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
