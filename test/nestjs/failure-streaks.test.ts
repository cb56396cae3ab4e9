import { describe, expect, it } from '@jest/globals';
import { FailureStreaks } from '../../src/nestjs/log/failure-streaks.js';

const MINUTE = 60_000;

describe('calls that fail again and again', () => {
  const streaks = () => {
    let now = 0;
    const all = new FailureStreaks(() => now);
    return { all, pass: (ms: number) => (now += ms) };
  };

  it('the first failure is written, and of those that follow at once every count with another digit', () => {
    const { all } = streaks();
    const lines = Array.from({ length: 1_000 }, () => all.failed('a')).filter(
      ({ kind }) => kind !== 'nothing',
    );
    expect(lines).toEqual([
      { kind: 'first' },
      { kind: 'again', times: 10 },
      { kind: 'again', times: 100 },
      { kind: 'again', times: 1_000 },
    ]);
  });

  it('a failure each minute is written after 1, 2, 4 minutes and so on, at least once an hour', () => {
    const { all, pass } = streaks();
    const writtenAfter: number[] = [];
    for (let minute = 0; minute <= 300; minute++) {
      const { kind } = all.failed('a');
      if (kind === 'first' || kind === 'again') writtenAfter.push(minute);
      pass(MINUTE);
    }
    expect(writtenAfter.length).toBeLessThan(15);
    expect(writtenAfter.slice(0, 4)).toEqual([0, 1, 3, 7]);
    for (const [index, minute] of writtenAfter.entries())
      expect(minute - (writtenAfter[index - 1] ?? 0)).toBeLessThanOrEqual(60);
  });

  it('the first failure of another key is written in short', () => {
    const { all } = streaks();
    expect(all.failed('a')).toEqual({ kind: 'first' });
    expect(all.failed('b')).toEqual({ kind: 'also' });
    expect(all.failed('b')).toEqual({ kind: 'nothing' });
  });

  it('a call that does not fail ends the streak of its key and tells its length', () => {
    const { all } = streaks();
    all.failed('a');
    all.failed('a');
    all.failed('b');
    expect(all.ended('a')).toBe(2);
    expect(all.ended('a')).toBe(0);
    expect(all.failed('a')).toEqual({ kind: 'also' });
    expect([all.ended('a'), all.ended('b')]).toEqual([1, 1]);
    expect(all.failed('a')).toEqual({ kind: 'first' });
  });

  it('keys without number are counted together beyond a bound', () => {
    const { all } = streaks();
    const lines = Array.from({ length: 100_000 }, (_, user) => all.failed(`user:${user}`));
    expect(lines.filter(({ kind }) => kind !== 'nothing').length).toBeLessThan(1_010);
  });
});
