import { expect, it } from '@jest/globals';
import { shortened } from '../../src/api/bounded-text.js';

it('a text is cut between two characters, and not in the middle of one', () => {
  expect(shortened('abc', 3)).toBe('abc');
  expect(shortened('abcd', 3)).toBe('ab…');
  expect(shortened('a😀bc', 3)).toBe('a…');
  expect(shortened('😀😀', 3)).toBe('😀…');
});
