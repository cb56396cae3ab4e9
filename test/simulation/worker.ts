/** A process that simulates the given seeds one after the other, if asked with changed sources. */
import { addModuleHooks } from '../../scripts/module-hooks.mjs';
import type { Edit } from './mutations/mutation.js';
import type { Outcome, SimulationOptions } from './simulate.js';
import type { Invariant, Violation } from './violation.js';

export interface Job {
  readonly seeds: readonly number[];
  readonly options: Omit<SimulationOptions, 'onViolation'>;
  /** Changes to the sources. */
  readonly edits?: readonly Edit[];
  /** A violation of one of these is told at once: whoever looks for it need not wait for the world's end. */
  readonly breaks?: readonly Invariant[];
}

/** What is found in a world before it ends. */
export interface Finding {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

/** The process's answer for each seed, or the reason why it failed. */
export type Answer = Outcome | { readonly failure: string };

// Nobody reads the stacks of refused calls, and making them takes a tenth of the time.
Error.stackTraceLimit = 0;

async function run({ seeds, options, edits = [], breaks = [] }: Job): Promise<void> {
  if (edits.length > 0) await addModuleHooks(new URL('./mutation-hooks.mjs', import.meta.url), edits);
  // The sources are loaded only now.
  const { simulate } = await import('./simulate.js');
  for (const seed of seeds) {
    const onViolation = (violation: Violation): void => {
      const finding: Finding = { seed, violations: [violation] };
      if (breaks.includes(violation.invariant)) process.send?.(finding);
    };
    await answer(await simulate(seed, { ...options, onViolation }));
  }
}

/** Resolves when the answer has been sent. A whole trace takes a while. */
function answer(outcome: Answer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) reject(new Error('this process has no parent to answer to'));
    else process.send(outcome, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

process.on('message', (job: Job) => {
  void run(job)
    .catch((error: unknown) => answer({ failure: String(error) }))
    .then(() => process.disconnect());
});
