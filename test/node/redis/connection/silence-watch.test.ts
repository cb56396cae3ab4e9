import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SILENCE_MS } from '../../../../src/node/redis/connection/connection.js';
import { SilenceWatch } from '../../../../src/node/redis/connection/silence-watch.js';

let silences: string[];
let watch: SilenceWatch;

beforeEach(() => {
  jest.useFakeTimers();
  silences = [];
  watch = new SilenceWatch(({ message }) => silences.push(message));
});

afterEach(() => void jest.useRealTimers());

describe('SilenceWatch', () => {
  it('tells a server that answers nothing, once', () => {
    watch.asked();
    jest.advanceTimersByTime(SILENCE_MS - 1);
    expect(silences).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(silences).toEqual(['the server was silent for 2000 ms']);
    jest.advanceTimersByTime(10 * SILENCE_MS);
    expect(silences).toHaveLength(1);
  });

  it('counts from the last answer, as long as something is under way', () => {
    watch.asked();
    for (let round = 0; round < 10; round++) {
      watch.asked();
      jest.advanceTimersByTime(SILENCE_MS / 2);
      watch.heard();
    }
    expect(silences).toEqual([]);
    jest.advanceTimersByTime(SILENCE_MS);
    expect(silences).toHaveLength(1);
  });

  it('does not take a pause without questions for silence', () => {
    watch.asked();
    watch.heard();
    jest.advanceTimersByTime(10 * SILENCE_MS);
    watch.asked();
    jest.advanceTimersByTime(SILENCE_MS - 1);
    watch.heard();
    expect(silences).toEqual([]);
  });

  it('has one timer, whatever is asked, and none that waits for nothing', () => {
    for (let question = 0; question < 100; question++) {
      watch.asked();
      watch.heard();
    }
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(SILENCE_MS);
    expect(jest.getTimerCount()).toBe(0);
    watch.asked();
    watch.end();
    expect(jest.getTimerCount()).toBe(0);
  });
});
