import { describe, expect, it } from '@jest/globals';
import { Timeouts } from '../../../src/lock/quorum/call-timeouts.js';
import { VirtualClock } from '../../support/virtual-clock.js';

function begun() {
  const clock = new VirtualClock();
  const timeouts = new Timeouts(clock);
  const told: string[] = [];
  const from = clock.now();
  const begin = (name: string, afterMs: number) =>
    timeouts.begin({ timeOut: () => void told.push(name) }, from + afterMs);
  return { clock, told, begin };
}

describe('Timeouts', () => {
  it('calls that time out in the same millisecond share a timer, and time out in the order in which they began', async () => {
    const { clock, told, begin } = begun();
    begin('first', 10.25);
    begin('second', 10.75);
    begin('third', 11.5);
    expect(clock.timers).toBe(2);
    await clock.advance(10.75);
    expect(told).toEqual([]);
    await clock.advance(0.25);
    expect(told).toEqual(['first', 'second']);
    await clock.advance(1);
    expect(told).toEqual(['first', 'second', 'third']);
  });

  it('there is no timer any more when all calls have ended their wait', async () => {
    const { clock, told, begin } = begun();
    const [one, other] = [begin('one', 10), begin('other', 10)];
    one.end();
    expect(clock.timers).toBe(1);
    other.end();
    expect(clock.timers).toBe(0);
    begin('later', 10);
    await clock.advance(20);
    expect(told).toEqual(['later']);
  });

  it('answers that arrived while the loop was blocked are read before the calls time out', async () => {
    const { clock, told, begin } = begun();
    begin('one', 10);
    clock.freeze(100);
    clock.setTimer(() => void told.push('an answer'), 0.5);
    await clock.advance(10);
    expect(told).toEqual(['an answer', 'one']);
  });

  it('the time in which the loop was blocked does not count', async () => {
    const { clock, told, begin } = begun();
    begin('one', 240);
    await clock.advance(31);
    clock.freeze(200);
    await clock.advance(179);
    expect(told).toEqual([]);
    await clock.advance(2);
    expect(told).toEqual(['one']);
  });

  it('answers that arrived in a blocked end of the time are read first', async () => {
    const { clock, told, begin } = begun();
    begin('one', 240);
    await clock.advance(239);
    clock.freeze(100);
    clock.setTimer(() => void told.push('an answer'), 0.5);
    await clock.advance(2);
    expect(told).toEqual(['an answer', 'one']);
  });

  it('a call that has ended its wait while the loop was blocked does not time out', async () => {
    const { clock, told, begin } = begun();
    const one = begin('one', 240);
    await clock.advance(239);
    clock.freeze(100);
    await clock.advance(0);
    one.end();
    await clock.advance(1_000);
    expect(told).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
