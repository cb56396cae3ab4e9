import { describe, expect, it } from '@jest/globals';
import { compareMembers, readMembers, writeMembers, type Member } from '../../src/core/membership.js';
import { quarantineMsOf } from '../../src/core/quarantine.js';

const node = (id: string, address = `host-${id}`): Member => ({ id, address });
const sure = (...members: Member[]): (Member & { sure: boolean })[] =>
  members.map((member) => ({ ...member, sure: true }));
const [a, b, c, d, e] = [node('a'), node('b'), node('c'), node('d'), node('e')];

describe('two memberships', () => {
  it.each([
    ['equal', sure(a, b, c), [c, b, a], 'same'],
    ['equal, under other addresses', sure(a, node('b', '10.0.0.2'), c), [a, b, c], 'same'],
    ['equal, after one lost its id with its data', sure(a, node('x', 'host-b'), c), [a, b, c], 'same'],
    ['one more', sure(a, b, c, d), [a, b, c], 'one apart'],
    ['one fewer', sure(a, b), [a, b, c], 'one apart'],
    [
      'one exchanged: {a, c} and {b, d} are majorities that do not meet',
      sure(a, b, d),
      [a, b, c],
      'mismatch',
    ],
    ['three and five', sure(a, b, c), [a, b, c, d, e], 'mismatch'],
    ['nothing in common', sure(a, b), [c, d], 'mismatch'],
  ])('are compared: %s', (_claim, ours, theirs, expected) => {
    expect(compareMembers(ours, theirs)).toBe(expected);
  });

  it('give a node that is away, or in quarantine, the benefit of the doubt, but not a wrong number', () => {
    const away = { ...node('', 'elsewhere'), sure: false };
    expect(compareMembers([...sure(a, b), away], [a, b, c])).toBe('same');
    expect(compareMembers([...sure(a, b, c), away, { ...away, address: 'too' }], [a, b, c])).toBe('mismatch');
  });

  it('are read as they were written, whatever the order, and from nothing illegible', () => {
    expect(readMembers(writeMembers([c, a, b]))).toEqual([a, b, c]);
    for (const text of ['', '{', '1', 'null']) expect(readMembers(text)).toBeUndefined();
  });
});

describe('the quarantine', () => {
  it.each<[string, 'auto' | 'off' | number, number, number]>([
    ['is the longest TTL with three nodes', 'auto', 3, 60_000],
    ['is off with two, where it would cost all availability', 'auto', 2, 0],
    ['is what was asked for', 90_000, 1, 90_000],
    ['is off where that was asked for', 'off', 5, 0],
  ])('%s', (_claim, option, members, expected) => {
    expect(quarantineMsOf(option, members, 60_000)).toBe(expected);
  });
});
