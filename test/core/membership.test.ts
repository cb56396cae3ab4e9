import { describe, expect, it } from '@jest/globals';
import { compareMembers, readMembers, writeMembers, type Member } from '../../src/core/membership.js';
import { quarantineMsOf } from '../../src/core/quarantine.js';

const node = (id: string, address = `host-${id}`): Member => ({ id, address });
const sure = (...members: Member[]): (Member & { sure: boolean })[] =>
  members.map((member) => ({ ...member, sure: true }));
const [a, b, c, d, e] = [node('a'), node('b'), node('c'), node('d'), node('e')];

describe('two memberships', () => {
  it.each([
    ['equal ones are the same', sure(a, b, c), [c, b, a], 'same'],
    ['equal ones under other addresses are the same', sure(a, node('b', '10.0.0.2'), c), [a, b, c], 'same'],
    [
      'equal ones are the same after a node lost its id with its data',
      sure(a, node('x', 'host-b'), c),
      [a, b, c],
      'same',
    ],
    ['one with another node is one apart', sure(a, b, c, d), [a, b, c], 'one apart'],
    ['one with a node fewer is one apart', sure(a, b), [a, b, c], 'one apart'],
    [
      'one with an exchanged node is a mismatch: the majorities {a, c} and {b, d} share no node',
      sure(a, b, d),
      [a, b, c],
      'mismatch',
    ],
    ['three and five nodes are a mismatch', sure(a, b, c), [a, b, c, d, e], 'mismatch'],
    ['nodes without a node in common are a mismatch', sure(a, b), [c, d], 'mismatch'],
  ])('two memberships: %s', (_claim, ours, theirs, expected) => {
    expect(compareMembers(ours, theirs)).toBe(expected);
  });

  it('a node that is away or in quarantine matches any node, but does not hide a wrong number', () => {
    const away = { ...node('', 'elsewhere'), sure: false };
    expect(compareMembers([...sure(a, b), away], [a, b, c])).toBe('same');
    expect(compareMembers([...sure(a, b, c), away, { ...away, address: 'too' }], [a, b, c])).toBe('mismatch');
  });

  it('members are read as they were written, in any order; a text that cannot be read has none', () => {
    expect(readMembers(writeMembers([c, a, b]))).toEqual([a, b, c]);
    for (const text of ['', '{', '1', 'null']) expect(readMembers(text)).toBeUndefined();
  });
});

describe('the quarantine', () => {
  it.each<[string, 'auto' | 'off' | number, number, number]>([
    ['the quarantine is maxTtlMs with three nodes', 'auto', 3, 60_000],
    ['the quarantine is off with two nodes, where it would make every lock unavailable', 'auto', 2, 0],
    ['the quarantine is the given number', 90_000, 1, 90_000],
    ['the quarantine is off if the option is off', 'off', 5, 0],
  ])('%s', (_claim, option, nodeCount, expected) => {
    expect(quarantineMsOf(option, nodeCount, 60_000)).toBe(expected);
  });
});
