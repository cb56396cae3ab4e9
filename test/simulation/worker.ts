/** A process that lives through the seeds it is given, one after the other; perhaps with an algorithm that was made wrong. */
import { register } from 'node:module';
import type { Edit } from './mutations.js';
import type { Outcome, SimulationOptions } from './simulate.js';

export interface Job {
  readonly seeds: readonly number[];
  readonly options: SimulationOptions;
  /** Changes to the sources. */
  readonly edits?: readonly Edit[];
}

/** What the process answers for each seed, or why it cannot. */
export type Answer = Outcome | { readonly failure: string };

// Nobody reads the stacks of refused acquisitions, and they take a tenth of the time.
Error.stackTraceLimit = 0;

async function run({ seeds, options, edits = [] }: Job): Promise<void> {
  if (edits.length > 0) register('./mutation-hooks.mjs', import.meta.url, { data: edits });
  // Only now are the sources loaded.
  const { simulate } = await import('./simulate.js');
  for (const seed of seeds) await answer(await simulate(seed, options));
}

/** Resolves when it has left: a whole story takes a while to get through the channel. */
function answer(outcome: Answer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) reject(new Error('there is nobody to answer to'));
    else process.send(outcome, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

process.on('message', (job: Job) => {
  void run(job)
    .catch((error: unknown) => answer({ failure: String(error) }))
    .then(() => process.disconnect());
});
