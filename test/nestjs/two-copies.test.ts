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
});
