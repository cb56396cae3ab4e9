import { AsyncLocalStorage } from 'node:async_hooks';
import { oncePerProcess } from '../../api/once-per-process.js';
import type { CurrentRun } from '../../api/run.js';

// Shared by all copies of this package in the process: the code of a run may ask another copy.
const storage = oncePerProcess('current-run:1', () => new AsyncLocalStorage<CurrentRun>());

/** The run that the calling code is part of: inside `runOnce`, or inside a decorated method with a tick. */
export const currentRun = (): CurrentRun | undefined => storage.getStore();

export const runAs = <T>(run: CurrentRun, routine: () => T): T => storage.run(run, routine);
