import type { RunPolicyOptions } from '../../index.js';
import { assertBoolean, assertOneOf, show } from '../check-options.js';
import { durationToMs } from '../duration.js';
import { RUN_SETTINGS, type RunSettings } from './run-settings.js';

const MOST_ATTEMPTS = 1_000;
const MOST_RUNS_KEPT = 1_000;

/**
 * Checks the settings one by one, and converts them to milliseconds. `where` is the decorator and its method,
 * or the module, for the errors. The result has only the options that were given.
 *
 * @throws TypeError or RangeError that names the option, the value and the bound.
 */
export function normalizeRuns(where: string, settings: RunSettings): RunPolicyOptions {
  const { missed, abandoned, attempts, overlap, retryOnError, history } = settings;
  assertOneOf(where, 'missed', missed, ['skip', 'once']);
  assertOneOf(where, 'abandoned', abandoned, ['leave', 'retry']);
  assertOneOf(where, 'overlap', overlap, ['skip', 'wait']);
  assertBoolean(where, 'retryOnError', retryOnError);
  assertInteger(where, 'attempts', attempts, 1, MOST_ATTEMPTS);
  assertInteger(where, 'history', history, 0, MOST_RUNS_KEPT);
  const duration = (option: 'maxLateness' | 'spread' | 'timeout', leastMs: number): number | undefined =>
    durationToMs(where, option, settings[option], { unit: 'seconds', leastMs });
  const options: RunPolicyOptions = {
    missed,
    maxLatenessMs: duration('maxLateness', 0),
    abandoned,
    attempts,
    overlap,
    spreadMs: duration('spread', 0),
    timeoutMs: duration('timeout', 1),
    retryOnError,
    history,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function assertInteger(where: string, option: string, value: unknown, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= least && Number(value) <= most))
    return;
  throw new RangeError(`${where}: ${option} must be an integer from ${least} to ${most}, got ${show(value)}`);
}

/** The decorator's settings, and the module's where it says nothing. */
export function mergeRuns(module: RunPolicyOptions, own: RunPolicyOptions): RunPolicyOptions {
  if (own.abandoned !== 'leave') return { ...module, ...own };
  const { attempts: _, retryOnError: _retryOnError, ...left } = module;
  return { ...left, ...own };
}

/**
 * Throws a `RangeError` for settings that exclude each other. The module's settings may have what the
 * decorator leaves out, so this is checked when the application starts.
 */
export function assertRunsFit(where: string, policy: RunPolicyOptions): void {
  const { missed = 'skip', abandoned = 'leave', overlap = 'skip', attempts, retryOnError } = policy;
  if (attempts !== undefined && abandoned !== 'retry')
    throw new RangeError(`${where}: attempts (${attempts}) needs abandoned: 'retry', got '${abandoned}'`);
  if (retryOnError === true && abandoned !== 'retry')
    throw new RangeError(`${where}: retryOnError (true) needs abandoned: 'retry', got '${abandoned}'`);
  const { maxLatenessMs } = policy;
  if (maxLatenessMs !== undefined && missed === 'skip' && abandoned === 'leave' && overlap === 'skip') {
    throw new RangeError(
      `${where}: maxLateness (${maxLatenessMs / 1_000} s) needs missed: 'once', abandoned: 'retry' or ` +
        "overlap: 'wait': without them no run begins late",
    );
  }
}

/** Throws a `RangeError` where a method without ticks has settings that are about ticks. */
export function assertNoRuns(
  where: string,
  settings: RunPolicyOptions,
  once: 'tick' | false | undefined,
): void {
  const [option] = Object.keys(settings);
  if (option === undefined) return;
  const named = RUN_SETTINGS.find((name) => option.startsWith(name)) ?? option;
  throw new RangeError(
    once === false
      ? `${where}: ${named} needs ticks, and once is false`
      : `${where}: ${named} needs ticks, and only methods with @Cron have them`,
  );
}
