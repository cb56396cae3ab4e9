import { afterEach, expect, it } from '@jest/globals';
import { until } from '../../support/until.js';
import { nowMs } from './records.js';
import { LONGEST_SILENCE_MS, watchStalls } from './stalls.js';

let stopWatching: () => void;

afterEach(() => stopWatching());

function block(forMs: number): void {
  const end = nowMs() + forMs;
  while (nowMs() < end);
}

it('a stall ends after the timers that it made late, though the turn that fires them stalls too', async () => {
  const order: string[] = [];
  let firstAt = Number.POSITIVE_INFINITY;
  let secondEndedAt = Number.POSITIVE_INFINITY;
  stopWatching = watchStalls({
    stalled: (from, to) => {
      if (from <= firstAt && to >= secondEndedAt) order.push('end of the stall');
    },
  });
  setTimeout(() => {
    firstAt = nowMs();
    block(100);
    setTimeout(() => {
      block(100);
      secondEndedAt = nowMs();
    }, 1);
    setTimeout(() => order.push('late timer'), 30);
  }, 5);
  await until(() => order.includes('end of the stall'));
  expect(order).toEqual(['late timer', 'end of the stall']);
});

it('a process gives signs of life while it runs, and none while it stalls', async () => {
  const signs: number[] = [];
  const stalls: { readonly from: number; readonly to: number }[] = [];
  stopWatching = watchStalls({
    stalled: (from, to) => stalls.push({ from, to }),
    ran: (at) => signs.push(at),
  });
  await until(() => signs.length > 5);
  block(200);
  const last = signs.at(-1)!;
  await until(() => signs.at(-1)! > last);
  expect(signs.at(-1)! - last).toBeGreaterThanOrEqual(200);
  const isStalled = (from: number, to: number): boolean =>
    stalls.some((stall) => stall.from < to && stall.to > from);
  for (const [index, at] of signs.entries()) {
    const before = signs[index - 1];
    if (before === undefined || at - before <= LONGEST_SILENCE_MS) continue;
    expect(isStalled(before, at)).toBe(true);
  }
});
