import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../src/clock.js';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('the end of a turn', () => {
  it('comes after what the turn has settled, in the order in which it was asked for', async () => {
    const seen: string[] = [];
    systemClock.afterTurn(() => seen.push('first'));
    systemClock.afterTurn(() => {
      seen.push('second');
      systemClock.afterTurn(() => seen.push('a turn later'));
    });
    void Promise.resolve().then(() => seen.push('a promise'));
    await nextTurn();
    expect(seen).toEqual(['a promise', 'first', 'second']);
    await nextTurn();
    expect(seen.at(-1)).toBe('a turn later');
  });

  it('comes for the others, if one of them throws', () => {
    const turnEnds: (() => void)[] = [];
    jest.spyOn(globalThis, 'setImmediate').mockImplementation((callback) => {
      turnEnds.push(callback);
      return undefined as unknown as NodeJS.Immediate;
    });
    const seen: string[] = [];
    systemClock.afterTurn(() => {
      throw new Error('one of them');
    });
    for (const name of ['second', 'third']) systemClock.afterTurn(() => seen.push(name));
    expect(turnEnds).toHaveLength(1);
    expect(turnEnds.shift()).toThrow('one of them');
    expect(turnEnds).toHaveLength(1);
    turnEnds.shift()!();
    expect(seen).toEqual(['second', 'third']);
    expect(turnEnds).toEqual([]);
  });

  it('comes also after timers that were faked, and did not fire', async () => {
    jest.useFakeTimers();
    const seen: string[] = [];
    systemClock.afterTurn(() => seen.push('faked'));
    jest.useRealTimers();
    systemClock.afterTurn(() => seen.push('real'));
    await nextTurn();
    expect(seen).toEqual(['faked', 'real']);
  });
});
