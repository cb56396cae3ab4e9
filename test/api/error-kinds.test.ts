import { beforeAll, describe, expect, it, jest } from '@jest/globals';

type Errors = typeof import('../../src/api/errors.js');

describe('the errors of two copies of the package', () => {
  let ours: Errors;
  let theirs: Errors;

  beforeAll(async () => {
    ours = await import('../../src/api/errors.js');
    jest.resetModules();
    theirs = await import('../../src/api/errors.js');
  });

  const makers = {
    LockNotAcquiredError: (from: Errors): Error => new from.LockNotAcquiredError(['a'], 'held', 'host:1', 10),
    QuorumUnreachableError: (from: Errors): Error => new from.QuorumUnreachableError(['a'], []),
    LeaseLostError: (from: Errors): Error => new from.LeaseLostError(['a'], 'taken'),
    LockManagerClosedError: (from: Errors): Error => new from.LockManagerClosedError(['a']),
  };
  const names = Object.keys(makers) as (keyof typeof makers)[];

  it('the copies have classes of their own', () => {
    for (const name of names) expect(ours[name]).not.toBe(theirs[name]);
  });

  it.each(names)('an error of the other copy is an instance of %s, and of no other class', (name) => {
    const error: unknown = makers[name](theirs);
    expect(error instanceof ours.LockError).toBe(true);
    expect(names.filter((other) => error instanceof ours[other])).toEqual([name]);
    expect(makers[name](ours) instanceof ours[name]).toBe(true);
  });

  it('a class that a user derives has only its own instances', () => {
    class Mine extends ours.LeaseLostError {}
    expect(new ours.LeaseLostError(['a'], 'taken') instanceof Mine).toBe(false);
    expect(new theirs.LeaseLostError(['a'], 'taken') instanceof Mine).toBe(false);
    expect(new Mine(['a'], 'taken') instanceof Mine).toBe(true);
    expect(new Mine(['a'], 'taken') instanceof theirs.LeaseLostError).toBe(true);
  });

  it.each([undefined, null, 'LEASE_LOST', {}, { code: 'LEASE_LOST' }, new Error('LEASE_LOST')])(
    '%j is no error of this package',
    (value) => {
      for (const name of [...names, 'LockError' as const]) expect(value instanceof ours[name]).toBe(false);
    },
  );
});
