import { expect, it } from '@jest/globals';
import { overlapsIn, type Interval } from './overlaps.js';

const held = (from: number, to: number, resource = 'a', holder = `${from}`): Interval => ({
  resource,
  holder,
  from,
  to,
});

it.each<[string, Interval[], number]>([
  ['no intervals', [], 0],
  ['intervals one after the other', [held(0, 5), held(5, 9)], 0],
  ['intervals in any order', [held(5, 9), held(0, 5)], 0],
  ['intervals at the same time on two resources', [held(0, 5), held(0, 5, 'b')], 0],
  ['an interval that begins too early', [held(0, 5), held(4, 9)], 1],
  ['an interval within another', [held(0, 9), held(2, 3)], 1],
  ['intervals with others in between', [held(0, 9), held(1, 2), held(8, 10)], 2],
  ['identical intervals', [held(1, 2), held(1, 2)], 1],
  ['an empty interval', [held(1, 1), held(1, 2)], 0],
])('overlaps are counted for %s', (_name, intervals, count) => {
  expect(overlapsIn(intervals)).toHaveLength(count);
});
