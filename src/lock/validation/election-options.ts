import type { ElectionOptions } from '../../api/election.js';
import { LOCK_DEFAULTS } from '../../api/defaults.js';
import type { AcquireOptions } from '../../api/options.js';
import { checkKnownOptions, checkName, LONGEST_MS, LONGEST_NAME, optionsOf, shown } from './checks.js';

const KNOWN_TO_ELECT: ReadonlySet<string> = new Set(
  optionsOf<ElectionOptions>({
    ttlMs: true,
    retryDelayMs: true,
    nodeTimeoutMs: true,
    name: true,
    onElected: true,
    onLost: true,
    signal: true,
  }),
);

/**
 * Checks the options of `elect` that `acquire` does not know, and gives those of the acquire calls of a
 * candidate: it waits until it is elected, its lease is extended, and the release is at once.
 */
export function readElectionOptions(resource: string, options: ElectionOptions): AcquireOptions {
  checkKnownOptions(options, KNOWN_TO_ELECT, 'elect');
  const { ttlMs, retryDelayMs, nodeTimeoutMs, name, signal } = options;
  for (const option of ['onElected', 'onLost'] as const) {
    const value: unknown = options[option];
    if (value !== undefined && typeof value !== 'function')
      throw new TypeError(`${option} must be a function, got ${shown(value)}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(`signal must be an AbortSignal, got ${shown(signal)}`);
  return {
    ttlMs,
    retryDelayMs,
    nodeTimeoutMs,
    name: checkName(name ?? resource.slice(0, LONGEST_NAME)),
    waitMs: LONGEST_MS,
    retries: LOCK_DEFAULTS.retries,
    minHoldMs: LOCK_DEFAULTS.minHoldMs,
    autoExtend: true,
  };
}
