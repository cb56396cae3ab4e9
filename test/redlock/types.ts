/** Tests of types. This file is compiled with the tests, and never run. */
import * as theirs from 'redlock';
import OurDefault, * as ours from '../../src/redlock/index.js';

type Same<A, B> = [A, B] extends [B, A] ? true : false;

/** Every name that redlock exports is exported here. */
export const names: Exclude<keyof typeof theirs, keyof typeof ours> extends never ? true : false = true;
export const isDefault: Same<typeof OurDefault, typeof ours.Redlock> = true;

/** The settings, and what the routine of `using` gets, are the same types. */
export const settings: Same<ours.Settings, theirs.Settings> = true;
export const signal: Same<ours.RedlockAbortSignal, theirs.RedlockAbortSignal> = true;
export const stats: Same<ours.ExecutionStats, theirs.ExecutionStats> = true;

/** Every member of the classes is there. */
type Lacking<Their, Our> = Exclude<keyof Their, keyof Our>;
export const redlock: Lacking<theirs.default, ours.Redlock> extends never ? true : false = true;
export const lock: Lacking<theirs.Lock, ours.Lock> extends never ? true : false = true;
export const locked: Same<keyof theirs.ResourceLockedError, keyof ours.ResourceLockedError> = true;
export const execution: Same<keyof theirs.ExecutionError, keyof ours.ExecutionError> = true;

/** What redlock gives is taken for what is given here, and the other way round. */
export const toOurs = (result: theirs.ClientExecutionResult): ours.ClientExecutionResult => result;
export const toTheirs = (result: ours.ExecutionResult): theirs.ExecutionResult => result;
