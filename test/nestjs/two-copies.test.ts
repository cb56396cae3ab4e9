import { describe, expect, it, jest } from '@jest/globals';

const decorate = ({ DistributedLock }: typeof import('../../src/nestjs/index.js'), ttl: number): void => {
  class Reports {
    async build(): Promise<void> {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Reports.prototype, 'build')!;
  DistributedLock({ key: 'report', ttl })(Reports.prototype, 'build', descriptor);
};

describe('two copies of the package in one process', () => {
  it('the module of one copy knows the longest ttl of the decorators of the other copy', async () => {
    decorate(await import('../../src/nestjs/index.js'), 3_600);
    jest.resetModules();
    const { longestDecoratedTtlMs } = await import('../../src/nestjs/normalize-options.js');
    expect(longestDecoratedTtlMs()).toBe(3_600_000);
    decorate(await import('../../src/nestjs/index.js'), 60);
    expect(longestDecoratedTtlMs()).toBe(3_600_000);
  });

  it('the handler of one copy finds its request, whose interceptor is that of the other copy', async () => {
    const one = await import('../../src/nestjs/request/request-scope.js');
    jest.resetModules();
    const other = await import('../../src/nestjs/request/request-scope.js');
    class Routes {
      async pay(): Promise<void> {}
    }
    const context = {
      getType: () => 'rpc',
      getClass: () => Routes,
      getHandler: () => Routes.prototype.pay,
      getArgByIndex: () => undefined,
    };
    const scope = new one.RequestScope(context as never);
    expect(scope.run(() => other.requestHandledBy(new Routes(), 'pay'))).toBe(scope);
    expect(other.requestHandledBy(new Routes(), 'pay')).toBeUndefined();
  });

  it('a refusal of one copy is one for the filters of the other copy', async () => {
    const one = await import('../../src/nestjs/index.js');
    jest.resetModules();
    const other = await import('../../src/nestjs/index.js');
    const [locked, unavailable] = [
      new one.LockedException('held', 1, undefined),
      new one.LockUnavailableException('away', 'QUORUM_UNREACHABLE', undefined),
    ];
    class Own extends other.LockedException {}
    expect(one.LockedException).not.toBe(other.LockedException);
    expect([locked instanceof other.LockedException, unavailable instanceof other.LockedException]).toEqual([
      true,
      false,
    ]);
    expect(unavailable instanceof other.LockUnavailableException).toBe(true);
    expect([locked instanceof Own, new Own('held', 1, undefined) instanceof Own]).toEqual([false, true]);
  });
});
