import { describe, expect, it } from '@jest/globals';
import { mayFollow, tokensFor, type Run } from '../../src/core/local-handover.js';
import type { Grant, Stamp } from '../../src/core/validity.js';

const TTL_MS = 10_000;
const grant: Grant = { sentAt: { monotonicMs: 0, wallMs: 1e12 }, ttlMs: TTL_MS, driftMs: 100 };
const at = (monotonicMs: number, asleepMs = 0): Stamp => ({
  monotonicMs,
  wallMs: 1e12 + monotonicMs + asleepMs,
});
const run = (changes: Partial<Run> = {}): Run => ({
  startedAt: 0,
  leases: 1,
  reserved: 128,
  othersWait: false,
  ...changes,
});

describe('an acquisition reserves', () => {
  it.each([
    [0, 1],
    [1, 128],
    [1_000, 128],
  ])('with %i waiting behind it %i tokens', (behind, tokens) => {
    expect(tokensFor(behind)).toBe(tokens);
  });
});

describe('another lease', () => {
  it.each<[string, Run, Stamp, boolean]>([
    ['follows at once', run(), at(1), true],
    ['follows as long as there are tokens', run({ leases: 2, reserved: 3 }), at(1), true],
    ['does not follow without one', run({ leases: 3, reserved: 3 }), at(1), false],
    ['is the 128th', run({ leases: 127 }), at(1), true],
    ['is not the 129th', run({ leases: 128 }), at(1), false],
    ['follows within a tenth of a second', run(), at(99), true],
    ['does not follow after it', run(), at(100), false],
    ['follows within 25 ms where others wait', run({ othersWait: true }), at(24), true],
    ['does not follow after them', run({ othersWait: true }), at(25), false],
    ['gets half of the validity at least', run({ startedAt: 4_940 }), at(4_950), true],
    ['follows not with less', run({ startedAt: 4_940 }), at(4_951), false],
    ['follows not if the machine slept for longer', run(), at(1, 5_000), false],
  ])('%s', (_claim, of, now, follows) => {
    expect(mayFollow(of, grant, now)).toBe(follows);
  });
});
