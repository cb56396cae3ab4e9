import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WORLDS } from './mutation-worlds.js';
import type { Mutation } from './mutations/mutation.js';
import type { Answer, Finding, Job } from './worker.js';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href;

/**
 * Looks for a seed with which the simulation finds the violation that the mutation causes. It runs in a
 * process of its own, because the mutation is made where modules are loaded. Resolves to `undefined` if no
 * seed shows the violation.
 */
export function findViolation(
  { edits = [], flaw, networkFlaw, worlds, breaks }: Mutation,
  seeds: readonly number[],
): Promise<Finding | undefined> {
  return new Promise((resolve, reject) => {
    const child = fork(worker, { execArgv: ['--import', loader] });
    let finding: Finding | undefined;
    child.on('message', (message: Answer | Finding) => {
      if ('failure' in message) {
        reject(new Error(message.failure));
        child.kill();
        return;
      }
      const { seed, violations } = message;
      if (finding !== undefined || !violations.some(({ invariant }) => breaks.includes(invariant))) return;
      finding = { seed, violations };
      child.kill();
    });
    child.once('error', reject);
    child.once('exit', () => resolve(finding));
    const job: Job = {
      seeds,
      edits,
      breaks,
      options: { flaw, networkFlaw, world: worlds && WORLDS[worlds] },
    };
    child.send(job);
  });
}
