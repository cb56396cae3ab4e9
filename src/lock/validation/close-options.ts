import type { CloseOptions } from '../../api/options.js';
import { checkBoolean, checkInteger, checkKnownOptions, LONGEST_MS, optionsOf } from './checks.js';

const KNOWN_TO_CLOSE: ReadonlySet<string> = new Set(
  optionsOf<CloseOptions>({ drainMs: true, leaveKeys: true }),
);

/** Checks the options of `close`. */
export function resolveCloseOptions(options: CloseOptions): {
  readonly drainMs: number;
  readonly leaveKeys: boolean;
} {
  checkKnownOptions(options, KNOWN_TO_CLOSE, 'close');
  return {
    drainMs: checkInteger('drainMs', options.drainMs ?? 0, 0, LONGEST_MS),
    leaveKeys: checkBoolean('leaveKeys', options.leaveKeys ?? false),
  };
}
