import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AcquireOptions } from '../../../src/api/options.js';
import { ACQUIRE_OPTIONS, AcquireOptionsResolver } from '../../../src/lock/validation/acquire-options.js';
import { resolveManagerOptions } from '../../../src/lock/validation/manager-options.js';

/** The resolver of a manager of its own. */
const resolverOf = (options = {}): AcquireOptionsResolver =>
  new AcquireOptionsResolver(
    resolveManagerOptions({ nodes: [], retryDelayMs: 50, warn: () => undefined, ...options }),
  );

/** `undefined` stands for an option that is left out, or given as `undefined`. */
const someOf = <T>(...values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined });

const options = fc.record(
  {
    ttlMs: someOf(9_000, 12_000),
    waitMs: someOf(0, 100),
    retries: someOf(0),
    retryDelayMs: someOf(10, 20),
    autoExtend: someOf(true, false),
    minHoldMs: someOf(0, 5),
    maxHoldMs: someOf(60_000, 70_000),
    nodeTimeoutMs: someOf(100, 200),
    name: someOf('a', 'b'),
    tick: someOf(1, 2),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<AcquireOptions>;

it('a prefix of keys is well-formed text: Redis would store each half of a pair as the same character', () => {
  expect(() => resolverOf({ keyPrefix: 'a\ud800' })).toThrow(
    new RangeError('keyPrefix must be well-formed Unicode, got half a pair: "a\\ud800"'),
  );
  expect(() => resolverOf({ keyPrefix: 'a😀:' })).not.toThrow();
});

/** Two values of each option that resolve to different results. */
const TWO_VALUES: { readonly [Option in keyof Required<AcquireOptions>]: readonly [unknown, unknown] } = {
  ttlMs: [9_000, 12_000],
  retries: [1, 2],
  retryDelayMs: [10, 20],
  backoff: ['constant', 'exponential'],
  waitMs: [100, 200],
  autoExtend: [true, false],
  minHoldMs: [1, 2],
  maxHoldMs: [60_000, 70_000],
  nodeTimeoutMs: [100, 200],
  wait: [true, false],
  signal: [new AbortController().signal, new AbortController().signal],
  name: ['a', 'b'],
  tick: [1, 2],
  retry: [true, false],
  attempts: [1, 2],
};

/** What an option needs to be given. */
const NEEDED: AcquireOptions = { tick: 1, retry: true };

describe('AcquireOptionsResolver', () => {
  it.each(ACQUIRE_OPTIONS.map((option) => [option]))(
    'gives the value of %s that the call has, never the one of the call before',
    (option) => {
      const resolver = resolverOf();
      const needed = option === 'retry' || option === 'attempts' ? NEEDED : {};
      const absent = resolver.resolve({ ...needed, [option]: undefined })[option];
      for (const value of [...TWO_VALUES[option], undefined, ...TWO_VALUES[option]]) {
        const given: AcquireOptions = { ...needed, [option]: value };
        expect(resolver.resolve(given)[option]).toBe(value ?? absent);
      }
    },
  );

  it('gives the same result as one that remembers nothing, whatever the calls before were', () => {
    fc.assert(
      fc.property(fc.array(options, { minLength: 2, maxLength: 12 }), (calls) => {
        const resolver = resolverOf();
        for (const call of calls) {
          const first = resolver.resolve(call);
          expect(resolver.resolve({ ...call })).toEqual(first);
          expect(first).toEqual(resolverOf().resolve(call));
        }
      }),
    );
  });

  it('gives the very same object for the same options, except where they belong to one call only', () => {
    const resolver = resolverOf();
    expect(resolver.resolve({ ttlMs: 9_000 })).toBe(resolver.resolve({ ttlMs: 9_000 }));
    expect(resolver.resolve({ tick: 1 })).not.toBe(resolver.resolve({ tick: 1 }));
  });

  it('remembers nothing of the calls of another manager', () => {
    const [one, other] = [resolverOf({ ttlMs: 9_000 }), resolverOf({ ttlMs: 12_000 })];
    expect(one.resolve({}).ttlMs).toBe(9_000);
    expect(other.resolve({}).ttlMs).toBe(12_000);
    expect(one.resolve({}).ttlMs).toBe(9_000);
  });

  it('sees what changed since the last call in the same object, and in its prototype', () => {
    const resolver = resolverOf();
    const mine: { ttlMs?: number } = { ttlMs: 9_000 };
    expect(resolver.resolve(mine).ttlMs).toBe(9_000);
    mine.ttlMs = 12_000;
    expect(resolver.resolve(mine).ttlMs).toBe(12_000);
    const heir = Object.create(mine) as typeof mine;
    expect(resolver.resolve(heir).ttlMs).toBe(12_000);
    expect(resolver.resolve({}).ttlMs).toBe(30_000);
  });

  it('refuses a wrong option right after the same options were right without it', () => {
    const resolver = resolverOf();
    resolver.resolve({ ttlMs: 9_000 });
    expect(() => resolver.resolve({ ttlMs: 9_000, tllMs: 1 } as AcquireOptions)).toThrow(
      'unknown option "tllMs"',
    );
    expect(() => resolver.resolve({ ttl: 9 } as AcquireOptions)).toThrow(
      'unknown option "ttl": here it is ttlMs, in milliseconds; the options are ttlMs, ',
    );
    expect(() => resolver.resolve({ ttlMs: 9_000, name: '' })).toThrow('name must have 1 to 128');
  });
});

describe('the option fenceTtlMs', () => {
  const resolve = (fenceTtlMs: unknown): number =>
    resolveManagerOptions({ nodes: [], fenceTtlMs } as never).fenceTtlMs;

  it('is a day by default, and may be a minute to seven days', () => {
    expect([undefined, 60_000, 604_800_000].map(resolve)).toEqual([86_400_000, 60_000, 604_800_000]);
  });

  it.each<[unknown, string]>([
    ['1h', "fenceTtlMs must be a number, got '1h'"],
    [59_999, 'fenceTtlMs must be an integer from 60000 to 604800000, got 59999'],
    [604_800_001, 'fenceTtlMs must be an integer from 60000 to 604800000, got 604800001'],
    [60_000.5, 'fenceTtlMs must be an integer from 60000 to 604800000, got 60000.5'],
  ])('is refused with a reason where it is wrong: %p', (value, message) => {
    expect(() => resolve(value)).toThrow(message);
  });
});

describe('the option acknowledge', () => {
  const resolve = (acknowledge: unknown, more: object = {}): unknown =>
    resolveManagerOptions({ nodes: [], acknowledge, ...more } as never).acknowledge;

  it('is off by default, and waits 100 ms for replicas', () => {
    expect(resolve(undefined)).toBeUndefined();
    expect(resolve({ replicas: 1 })).toEqual({ replicas: 1, timeoutMs: 100, onDisk: false });
    expect(resolve({ replicas: 100, timeoutMs: 1_000 })).toMatchObject({ replicas: 100, timeoutMs: 1_000 });
    expect(resolve({ replicas: 0, onDisk: true })).toEqual({ replicas: 0, timeoutMs: 100, onDisk: true });
  });

  it.each<[unknown, object, string]>([
    [true, {}, 'acknowledge must be an object with replicas, got true'],
    [null, {}, 'acknowledge must be an object with replicas, got null'],
    [{}, {}, 'acknowledge.replicas must be a number'],
    [{ replicas: 0 }, {}, 'acknowledge.replicas must be an integer from 1 to 100, got 0'],
    [{ replicas: 101 }, {}, 'acknowledge.replicas must be an integer from 1 to 100, got 101'],
    [{ replicas: 1, timeoutMs: 0 }, {}, 'acknowledge.timeoutMs must be an integer from 1 to 1000, got 0'],
    [{ replicas: 1, timeoutMs: 1_001 }, {}, 'acknowledge.timeoutMs must be an integer from 1 to 1000'],
    [{ replicas: 1, timeout: 5 }, {}, 'timeout'],
    [{ replicas: 1, onDisk: 'yes' }, {}, 'acknowledge.onDisk must be true or false'],
    [{ replicas: 1 }, { maxStallMs: 1_000 }, 'acknowledge and maxStallMs exclude each other'],
  ])('is refused with a reason where it is wrong: %j %j', (acknowledge, more, message) => {
    expect(() => resolve(acknowledge, more)).toThrow(message);
  });
});
