/** The settings of redlock 5. Each may be given to `new Redlock()`, and to a call. */
export interface Settings {
  /**
   * How much faster one clock may run than another, as a fraction from 0 to 0.5.
   * @default 0.01
   */
  readonly driftFactor: number;
  /**
   * How often to try again: an integer from 0, or -1 for no end.
   * @default 10
   */
  readonly retryCount: number;
  /**
   * Pause before another try, in milliseconds: from 0 to 2^31 - 1.
   * @default 200
   */
  readonly retryDelay: number;
  /**
   * Each pause is longer or shorter by up to this, at random, in milliseconds: from 0 to 2^31 - 1.
   * @default 100
   */
  readonly retryJitter: number;
  /**
   * How long before its expiration `using` extends a lock, in milliseconds: from 0.
   * @default 500
   */
  readonly automaticExtensionThreshold: number;
}

const DEFAULTS: Settings = Object.freeze({
  driftFactor: 0.01,
  retryCount: 10,
  retryDelay: 200,
  retryJitter: 100,
  automaticExtensionThreshold: 500,
});

/** The longest delay of a Node timer, in milliseconds. With a longer one, Node fires after 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const BOUNDS: Readonly<Record<keyof Settings, (value: number) => string | undefined>> = {
  driftFactor: (value) => (value >= 0 && value <= 0.5 ? undefined : 'from 0 to 0.5'),
  retryCount: (value) =>
    value >= -1 && (Number.isInteger(value) || value === Infinity)
      ? undefined
      : 'an integer from 0, or -1 for no end',
  retryDelay: pauseBounds,
  retryJitter: pauseBounds,
  automaticExtensionThreshold: (value) => (value >= 0 ? undefined : 'from 0'),
};

function pauseBounds(value: number): string | undefined {
  return value >= 0 && value <= LONGEST_TIMER_MS ? undefined : `from 0 to ${LONGEST_TIMER_MS}`;
}

/** Completes settings by those of the object, or by the defaults. Throws an error that names a bad one. */
export function completeSettings(settings: unknown, defaults: Settings = DEFAULTS): Settings {
  if (settings === undefined || settings === null) return defaults;
  if (typeof settings !== 'object') throw new TypeError(`settings must be an object, got ${typeof settings}`);
  const complete: Record<keyof Settings, number> = { ...defaults };
  for (const name of Object.keys(BOUNDS) as (keyof Settings)[]) {
    const value: unknown = (settings as Partial<Record<keyof Settings, unknown>>)[name];
    if (value !== undefined) complete[name] = checkSetting(name, value);
  }
  return complete;
}

function checkSetting(name: keyof Settings, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${typeof value}`);
  const bounds = BOUNDS[name](value);
  if (bounds !== undefined) throw new RangeError(`${name} must be ${bounds}, got ${value}`);
  return value;
}

const SHORTEST_DURATION_MS = 10;

/** Throws unless the duration is a whole number of milliseconds that a lock may last. */
export function checkDuration(duration: unknown): asserts duration is number {
  if (typeof duration !== 'number' || Math.floor(duration) !== duration) {
    throw new Error('Duration must be an integer value in milliseconds.');
  }
  if (duration < SHORTEST_DURATION_MS || duration > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(
      `duration must be from ${SHORTEST_DURATION_MS} to ${Number.MAX_SAFE_INTEGER} ms, got ${duration}`,
    );
  }
}

/** The longest time that a client may take to answer, in milliseconds. redlock waits without an end. */
export const LONGEST_ANSWER_MS = 1_000;

export const answerWithinMs = (duration: number): number =>
  Math.min(LONGEST_ANSWER_MS, Math.floor(duration / 3));

/** When a lock expires by the wall clock: 2 ms, and the drift, before its keys can. */
export const expirationOf = (start: number, duration: number, { driftFactor }: Settings): number =>
  start + duration - (Math.round(driftFactor * duration) + 2);

/** How long to pause before another try, in milliseconds. */
export const pauseMs = ({ retryDelay, retryJitter }: Settings): number =>
  Math.max(0, retryDelay + Math.floor((Math.random() * 2 - 1) * retryJitter));
