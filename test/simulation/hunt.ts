import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WORLDS, type Mutation } from './mutations.js';
import type { Violation } from './violation.js';
import type { Answer, Job } from './worker.js';

export interface Finding {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href;

/**
 * Looks for a seed in which the simulation finds what the mutation breaks, in a process of its own: the mutation is made
 * where modules are loaded. `undefined` when none of the seeds has it.
 */
export function hunt(
  { edits = [], flaw, networkFlaw, worlds, breaks }: Mutation,
  seeds: readonly number[],
): Promise<Finding | undefined> {
  return new Promise((resolve, reject) => {
    const child = fork(worker, { execArgv: ['--import', loader] });
    let finding: Finding | undefined;
    child.on('message', (answer: Answer) => {
      if ('failure' in answer) {
        reject(new Error(answer.failure));
        child.kill();
        return;
      }
      const { seed, violations } = answer;
      if (finding !== undefined || !violations.some(({ invariant }) => breaks.includes(invariant))) return;
      finding = { seed, violations };
      child.kill();
    });
    child.once('error', reject);
    child.once('exit', () => resolve(finding));
    const job: Job = { seeds, edits, options: { flaw, networkFlaw, world: worlds && WORLDS[worlds] } };
    child.send(job);
  });
}
