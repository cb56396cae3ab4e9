import { expect, it } from '@jest/globals';
import { memberList } from '../../../src/core/membership/member-list.js';
import { MembershipWarnings } from '../../../src/lock/nodes/membership-warnings.js';

it.each<[distance: number, words: string]>([
  [1, "differs from this client's by 1 node;"],
  [3, "differs from this client's by 3 nodes;"],
])('a list that has gone on without the client is told once, with its distance: %i', (distance, words) => {
  const told: string[] = [];
  const warnings = new MembershipWarnings((message) => told.push(message));
  const members = ['a:6379', 'b:6379'].map((address) => ({ id: address, address }));
  const list = memberList((text) => text, 1, members, '');
  for (let times = 0; times < 2; times++) warnings.tell(['too far apart'], { list, distance });
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(`the list of nodes in use is a:6379, b:6379, which ${words}`);
});
