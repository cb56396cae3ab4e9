import { LOCK_DEFAULTS } from '../../api/defaults.js';
import type { AcquireOptions } from '../../api/options.js';
import type { RunOnceOptions, RunPolicyOptions, WatchTicksOptions } from '../../api/run.js';
import { TICK_AHEAD_MS } from '../../core/run.js';
import { MOST_NOTES } from '../../core/run-history.js';
import type { RunPolicy } from '../../core/run-policy.js';
import { ACQUIRE_OPTIONS, assertAcquireOptions } from './acquire-options.js';
import { checkBoolean, checkInteger, checkKnownOptions, LONGEST_MS, optionsOf, shown } from './checks.js';
import { assertResource } from './resources.js';

const POLICY_OPTIONS = optionsOf<RunPolicyOptions>({
  missed: true,
  maxLatenessMs: true,
  abandoned: true,
  attempts: true,
  overlap: true,
  spreadMs: true,
  timeoutMs: true,
  retryOnError: true,
  history: true,
});
/** Those of `acquire`. A run decides by itself about its tick, and what is tried again. */
const OPTIONS_OF_ACQUIRE = ACQUIRE_OPTIONS.filter(
  (option) => option !== 'tick' && option !== 'retry' && option !== 'attempts',
);
const KNOWN_TO_EACH_RUN = ['key', ...OPTIONS_OF_ACQUIRE, ...POLICY_OPTIONS];
const KNOWN_TO_JOBS: ReadonlySet<string> = new Set(KNOWN_TO_EACH_RUN);
const KNOWN_TO_RUN_ONCE: ReadonlySet<string> = new Set([...KNOWN_TO_EACH_RUN, 'tick', 'nextTick']);
const KNOWN_TO_WATCH: ReadonlySet<string> = new Set(
  optionsOf<WatchTicksOptions>({
    key: true,
    name: true,
    schedule: true,
    missed: true,
    maxLatenessMs: true,
    abandoned: true,
    attempts: true,
    spreadMs: true,
  }),
);

const MOST_ATTEMPTS = 1_000;
const DEFAULT_RETRY_ATTEMPTS = 2;

/** The options of a policy with all defaults filled in. */
interface ResolvedRunPolicy extends RunPolicy {
  readonly timeoutMs: number | undefined;
  readonly retryOnError: boolean;
  readonly history: number;
}

/** Checks the options of a policy, each by itself and in relation to the others. */
function resolveRunPolicy(options: RunPolicyOptions): ResolvedRunPolicy {
  const { maxLatenessMs, attempts, timeoutMs } = options;
  const missed = oneOf('missed', options.missed ?? LOCK_DEFAULTS.missed, ['skip', 'once']);
  const abandoned = oneOf('abandoned', options.abandoned ?? LOCK_DEFAULTS.abandoned, ['leave', 'retry']);
  const overlap = oneOf('overlap', options.overlap ?? LOCK_DEFAULTS.overlap, ['skip', 'wait']);
  const retryOnError = checkBoolean('retryOnError', options.retryOnError ?? LOCK_DEFAULTS.retryOnError);
  if (attempts !== undefined) checkInteger('attempts', attempts, 1, MOST_ATTEMPTS);
  if (maxLatenessMs !== undefined) checkInteger('maxLatenessMs', maxLatenessMs, 0, LONGEST_MS);
  if (timeoutMs !== undefined) checkInteger('timeoutMs', timeoutMs, 1, LONGEST_MS);
  if (attempts !== undefined && abandoned !== 'retry')
    throw new RangeError(`attempts (${attempts}) needs abandoned: 'retry', got '${abandoned}'`);
  if (retryOnError && abandoned !== 'retry')
    throw new RangeError(`retryOnError (true) needs abandoned: 'retry', got '${abandoned}'`);
  if (maxLatenessMs !== undefined && missed === 'skip' && abandoned === 'leave' && overlap === 'skip') {
    throw new RangeError(
      `maxLatenessMs (${maxLatenessMs}) needs missed: 'once', abandoned: 'retry' or overlap: 'wait': ` +
        'without them no run begins late',
    );
  }
  return {
    missed,
    maxLatenessMs,
    abandoned,
    attempts: abandoned === 'retry' ? (attempts ?? DEFAULT_RETRY_ATTEMPTS) : 1,
    overlap,
    spreadMs: checkInteger('spreadMs', options.spreadMs ?? LOCK_DEFAULTS.spreadMs, 0, LONGEST_MS),
    timeoutMs,
    retryOnError,
    history: checkInteger('history', options.history ?? LOCK_DEFAULTS.history, 0, MOST_NOTES),
  };
}

/**
 * Throws a TypeError or a RangeError for an option that `runOnce` does not know or take, a key that cannot be
 * locked, or a policy that does not fit. So a scheduler can refuse bad options before the first tick, which
 * it gives by itself. What depends on the manager, such as the upper bound of `minHoldMs`, is checked at the
 * call. `what` takes the options.
 */
export function assertRunOptions(
  options: Omit<RunOnceOptions, 'tick' | 'nextTick'>,
  what: string = 'runOnce',
): void {
  checkKnownOptions(options, KNOWN_TO_JOBS, what);
  assertResource(options.key, 'key');
  resolveRunPolicy(options);
  const given = options as Readonly<Record<string, unknown>>;
  assertAcquireOptions(Object.fromEntries(OPTIONS_OF_ACQUIRE.map((option) => [option, given[option]])));
}

/** The options of one call of `runOnce`. They are checked, apart from those of `acquire`. */
export interface ResolvedRun {
  readonly policy: ResolvedRunPolicy;
  /** `undefined`: started by hand. */
  readonly tick: number | undefined;
  readonly nextTick: number | undefined;
  /** Those of its acquire calls. */
  readonly acquireOptions: Omit<AcquireOptions, 'tick' | 'retry' | 'attempts'>;
}

/** Checks the options of `runOnce` that `acquire` does not know. `nowMs` is the time of the wall clock. */
export function readRunOptions(options: RunOnceOptions, nowMs: number): ResolvedRun {
  checkKnownOptions(options, KNOWN_TO_RUN_ONCE, 'runOnce');
  const { key: _, tick, nextTick, ...rest } = options;
  const policy = resolveRunPolicy(options);
  const acquireOptions = Object.fromEntries(
    Object.entries(rest).filter(([option]) => !(POLICY_OPTIONS as readonly string[]).includes(option)),
  );
  return { policy, tick: readTick(tick, nowMs), nextTick: readNextTick(nextTick, tick), acquireOptions };
}

const YEAR_MS = 365 * 86_400_000;

function readTick(tick: unknown, nowMs: number): number | undefined {
  if (tick === 'manual') return undefined;
  if (tick === undefined) {
    throw new TypeError(
      'runOnce needs a tick: the scheduled time of the run in epoch milliseconds, ' +
        "or 'manual' for a run that somebody started by hand",
    );
  }
  const checked = checkInteger('tick', tick, 0, Number.MAX_SAFE_INTEGER);
  if (checked < nowMs / 100 && Math.abs(checked * 1_000 - nowMs) < YEAR_MS)
    throw new RangeError(`tick must be in epoch milliseconds, got ${checked}, which is a time in seconds`);
  const ahead = checked - nowMs;
  if (ahead > TICK_AHEAD_MS) {
    throw new RangeError(
      `tick (${shown(tick)}) is ${Math.round(ahead / 1_000)} s ahead of the clock of this machine; the ` +
        `bound is ${TICK_AHEAD_MS / 1_000} s: a tick is run when it is due`,
    );
  }
  return checked;
}

function readNextTick(nextTick: unknown, tick: unknown): number | undefined {
  if (nextTick === undefined) return undefined;
  const least = typeof tick === 'number' ? tick + 1 : 0;
  return checkInteger('nextTick', nextTick, least, Number.MAX_SAFE_INTEGER, '; the lower bound is the tick');
}

/** Checks the options of `watchTicks`. */
export function readWatchOptions(options: WatchTicksOptions): RunPolicy {
  checkKnownOptions(options, KNOWN_TO_WATCH, 'watchTicks');
  const { schedule } = options as { readonly schedule?: Partial<WatchTicksOptions['schedule']> | null };
  if (typeof schedule?.latest !== 'function' || typeof schedule.next !== 'function') {
    throw new TypeError(
      `schedule must have the methods latest and next, got ${shown(schedule)}: the latest tick at or ` +
        'before an instant, and the first one after it',
    );
  }
  return resolveRunPolicy(options);
}

function oneOf<Value extends string>(option: string, value: unknown, allowed: readonly Value[]): Value {
  const found = allowed.find((one) => one === value);
  if (found === undefined) {
    const list = allowed.map((one) => `'${one}'`).join(' or ');
    throw new RangeError(`${option} must be ${list}, got ${shown(value)}`);
  }
  return found;
}
