import { expect, it } from '@jest/globals';
import { UnseenLosses } from './unseen-losses.js';

it('a node that was killed while it was in no list counts from its return to one, once', () => {
  const losses = new UnseenLosses();
  losses.suffered('node-kill', [3], [0, 1, 2]);
  expect(losses.foundBy([0, 1, 2])).toEqual([]);
  expect(losses.foundBy([1, 2, 3])).toEqual([3]);
  expect(losses.foundBy([0, 1, 2, 3])).toEqual([]);
});

it('of nodes that forget together only those that are in no list count from their return', () => {
  const losses = new UnseenLosses();
  losses.suffered('nodes-kill', [1, 3, 4], [0, 1, 2]);
  losses.suffered('clock-step', [5], [0, 1, 2]);
  expect(losses.foundBy([0, 1, 2, 3])).toEqual([3]);
  expect(losses.foundBy([0, 1, 3, 4, 5])).toEqual([4, 5]);
});

it.each(['node-stop', 'link', 'reset'])('a node that forgot nothing counts at no return: %s', (kind) => {
  const losses = new UnseenLosses();
  losses.suffered(kind, [3], [0, 1, 2]);
  expect(losses.foundBy([0, 1, 2, 3])).toEqual([]);
});
