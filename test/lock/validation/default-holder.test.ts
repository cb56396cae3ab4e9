import { hostname } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryNode } from '../../../src/index.js';
import { defaultHolder } from '../../../src/lock/validation/default-holder.js';
import { resolveManagerOptions } from '../../../src/lock/validation/manager-options.js';

const isAccepted = (holder: string): boolean =>
  resolveManagerOptions({ nodes: [memoryNode()], holder }).holder === holder;

describe('the default holder', () => {
  it.each([
    ['web-1', 'web-1:4711'],
    ['db.example.org', 'db.example.org:4711'],
    ['PC-Jürgen', 'PC-J%C3%BCrgen:4711'],
    ['my mac', 'my%20mac:4711'],
    ['a"b\\c', 'a%22b%5Cc:4711'],
    ['', 'unknown:4711'],
  ])('the default holder of the host name %j is %s', (name, holder) => {
    expect(defaultHolder(() => name, 4711)).toBe(holder);
  });

  it('the default holder is accepted, whatever the host name is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat(4_194_304), (name, pid) => {
        const holder = defaultHolder(() => name, pid);
        expect(isAccepted(holder)).toBe(true);
        expect(holder.endsWith(`:${pid}`)).toBe(true);
      }),
    );
    expect(isAccepted(defaultHolder(() => '\ud800'))).toBe(true);
  });

  it('the default holder is accepted if the system does not tell its name', () => {
    const fails = (): string => {
      throw new Error('uv_os_gethostname returned ENOENT');
    };
    expect(defaultHolder(fails, 7)).toBe('unknown:7');
  });

  it('a manager without the option holder has the default', () => {
    const { holder } = resolveManagerOptions({ nodes: [memoryNode()] });
    expect(holder).toBe(defaultHolder(hostname));
  });
});
