/** One process of `npm run simulate`: lives through the seeds it is given, one after the other. */
import { simulate, type SimulationOptions } from './simulate.js';

interface Job {
  readonly seeds: readonly number[];
  readonly options: SimulationOptions;
}

// Nobody reads the stacks of refused acquisitions, and they take a tenth of the time.
Error.stackTraceLimit = 0;

process.on('message', ({ seeds, options }: Job) => {
  void (async () => {
    for (const seed of seeds) process.send?.(await simulate(seed, options));
    process.disconnect();
  })();
});
