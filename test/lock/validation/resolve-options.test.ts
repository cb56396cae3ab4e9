import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AcquireOptions, ResolvedManagerOptions } from '../../../src/api/options.js';
import {
  resolveAcquireOptions,
  resolveManagerOptions,
} from '../../../src/lock/validation/resolve-options.js';

const manager = (): ResolvedManagerOptions =>
  resolveManagerOptions({ nodes: [], retryDelayMs: 50, warn: () => undefined });

/** `undefined` stands for an option that is not given, or given as such. */
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

describe('the options of an acquisition', () => {
  it('are resolved as if each were the first, although what was resolved last is taken again', () => {
    fc.assert(
      fc.property(fc.array(options, { minLength: 2, maxLength: 12 }), (all) => {
        const same = manager();
        for (const one of all) {
          const first = resolveAcquireOptions(one, same);
          expect(resolveAcquireOptions({ ...one }, same)).toEqual(first);
          expect(first).toEqual(resolveAcquireOptions(one, manager()));
        }
      }),
    );
  });

  it('may change between two acquisitions, in the same object and in its prototype', () => {
    const same = manager();
    const mine: { ttlMs?: number } = { ttlMs: 9_000 };
    expect(resolveAcquireOptions(mine, same).ttlMs).toBe(9_000);
    mine.ttlMs = 12_000;
    expect(resolveAcquireOptions(mine, same).ttlMs).toBe(12_000);
    const heir = Object.create(mine) as typeof mine;
    expect(resolveAcquireOptions(heir, same).ttlMs).toBe(12_000);
    expect(resolveAcquireOptions({}, same).ttlMs).toBe(30_000);
  });

  it('are refused when they are wrong, also right after the same were right but for one', () => {
    const same = manager();
    resolveAcquireOptions({ ttlMs: 9_000 }, same);
    expect(() => resolveAcquireOptions({ ttlMs: 9_000, tllMs: 1 } as AcquireOptions, same)).toThrow(
      'unknown option "tllMs"',
    );
    expect(() => resolveAcquireOptions({ ttlMs: 9_000, name: '' }, same)).toThrow('name must have 1 to 128');
  });
});
