import { expect, it } from '@jest/globals';
import { overlapsIn, type Interval } from './overlaps.js';

const held = (from: number, to: number, resource = 'a', holder = `${from}`): Interval => ({
  resource,
  holder,
  from,
  to,
});

it.each<[string, Interval[], number]>([
  ['nothing', [], 0],
  ['one after the other', [held(0, 5), held(5, 9)], 0],
  ['in any order', [held(5, 9), held(0, 5)], 0],
  ['at once on two resources', [held(0, 5), held(0, 5, 'b')], 0],
  ['a moment too early', [held(0, 5), held(4, 9)], 1],
  ['one within the other', [held(0, 9), held(2, 3)], 1],
  ['with others in between', [held(0, 9), held(1, 2), held(8, 10)], 2],
  ['the same moments', [held(1, 2), held(1, 2)], 1],
  ['for no time at all', [held(1, 1), held(1, 2)], 0],
])('overlaps are found: %s', (_name, intervals, count) => {
  expect(overlapsIn(intervals)).toHaveLength(count);
});
