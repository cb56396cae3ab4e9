import { describe, expect, it } from '@jest/globals';
import { mayFollow, turnsOfOthersMs, tokensFor, type LeaseChain } from '../../src/core/local-handover.js';
import type { Grant, Stamp } from '../../src/core/validity.js';

const TTL_MS = 10_000;
const grant: Grant = { sentAt: { monotonicMs: 0, wallMs: 1e12 }, ttlMs: TTL_MS, driftMs: 100 };
const at = (monotonicMs: number, asleepMs = 0): Stamp => ({
  monotonicMs,
  wallMs: 1e12 + monotonicMs + asleepMs,
});
const chain = (changes: Partial<LeaseChain> = {}): LeaseChain => ({
  startedAt: 0,
  leases: 1,
  reserved: 128,
  othersWait: false,
  ...changes,
});

describe('tokensFor', () => {
  it.each([
    [0, 1],
    [1, 128],
    [1_000, 128],
  ])('an acquisition with %i waiters behind it reserves %i tokens', (waitersBehind, tokens) => {
    expect(tokensFor(waitersBehind)).toBe(tokens);
  });
});

describe('turnsOfOthersMs', () => {
  it.each([
    [0, 0],
    [31, 775],
    [1e12, 1_000],
  ])('the turns of %d other processes are waited for, for %d ms', (processes, ms) => {
    expect(turnsOfOthersMs(processes)).toBe(ms);
  });
});

describe('mayFollow', () => {
  it.each<[string, LeaseChain, Stamp, boolean]>([
    ['another lease follows at once', chain(), at(1), true],
    ['another lease follows while there are tokens', chain({ leases: 2, reserved: 3 }), at(1), true],
    ['another lease does not follow without a token', chain({ leases: 3, reserved: 3 }), at(1), false],
    ['the 128th lease follows', chain({ leases: 127 }), at(1), true],
    ['the 129th lease does not follow', chain({ leases: 128 }), at(1), false],
    ['another lease follows within 100 ms', chain(), at(99), true],
    ['another lease does not follow after 100 ms', chain(), at(100), false],
    ['another lease follows within 25 ms if other processes wait', chain({ othersWait: true }), at(24), true],
    [
      'another lease does not follow after 25 ms if other processes wait',
      chain({ othersWait: true }),
      at(25),
      false,
    ],
    ['another lease follows if half of the validity is left', chain({ startedAt: 4_940 }), at(4_950), true],
    [
      'another lease does not follow if less than half of the validity is left',
      chain({ startedAt: 4_940 }),
      at(4_951),
      false,
    ],
    [
      'another lease does not follow if the machine was suspended for half of the validity',
      chain(),
      at(1, 5_000),
      false,
    ],
  ])('%s', (_claim, of, now, follows) => {
    expect(mayFollow(of, grant, now)).toBe(follows);
  });
});
