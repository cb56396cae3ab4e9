import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  isPutBack,
  mayAskOthers,
  LONGEST_NODE_TIMEOUT_MS,
  overAt,
  QuarantineTerm,
  ASK_OTHERS_AFTER_MS,
  type Witness,
} from '../../src/core/quarantine.js';
import { COUNTER_AHEAD_MS, SEED_MARGIN_MS } from '../../src/core/fencing.js';
import { APART_MS } from '../../src/core/clock-offset.js';
import { findOverlap, QUARANTINE_FLAWS, tallyOf } from './quarantine-model.js';

const report = { memory: 'run:1', ageMs: 0, leftMs: 0, isTrusted: true, outMs: 0 };

const witness = (receivedAt: number, outMs: number | undefined, isTrusted = true): Witness => ({
  ...report,
  receivedAt,
  outMs,
  isTrusted,
});

describe('the others may be asked', () => {
  it('when the memory is older than any request can be on its way, and than seeds can differ', () => {
    expect(mayAskOthers({ ...report, ageMs: ASK_OTHERS_AFTER_MS - 1 })).toBe(false);
    expect(mayAskOthers({ ...report, ageMs: ASK_OTHERS_AFTER_MS })).toBe(true);
    expect(ASK_OTHERS_AFTER_MS).toBeGreaterThan(2 * LONGEST_NODE_TIMEOUT_MS);
    expect(ASK_OTHERS_AFTER_MS).toBeGreaterThan(2 * SEED_MARGIN_MS + APART_MS);
    expect(ASK_OTHERS_AFTER_MS).toBeGreaterThan(COUNTER_AHEAD_MS + SEED_MARGIN_MS + APART_MS);
  });
});

describe('all is over that a node has forgotten', () => {
  it.each<[string, readonly Witness[], number | undefined]>([
    ['the later of two others is over', [witness(1_000, 0), witness(1_010, 5_000)], 1_010 + 5_000 + 52],
    ['the first two of three others are', [witness(0, 9_000), witness(0, 0), witness(0, 100)], 100 + 3],
    ['nobody knows: one other too few answered', [witness(0, 0)], undefined],
    ['nobody knows: another one is not trusted', [witness(0, 0), witness(0, 0, false)], undefined],
    ['nobody knows: another one cannot tell', [witness(0, 0), witness(0, undefined)], undefined],
  ])('when %s', (_what, others, at) => {
    expect(overAt(others, 2, 0.01)).toBe(at);
  });
});

describe('a memory was put back', () => {
  const seen = { serverId: 'run', bornUs: 7, writes: 12 };

  it.each([
    ['its marker was written less often', { ...seen, writes: 11 }, true],
    ['its marker is older than one that was seen there', { ...seen, bornUs: 6, writes: 99 }, true],
    ['not if it goes on', { ...seen, writes: 12 }, false],
    ['not if it is new', { ...seen, bornUs: 8, writes: 1 }, false],
    ['not if it is another server: its run id tells', { serverId: 'other', bornUs: 1, writes: 1 }, false],
    ['not if the server may not be known', { serverId: undefined, bornUs: 1, writes: 1 }, false],
  ])('if %s', (_what, now, expected) => {
    expect(isPutBack(seen, now)).toBe(expected);
  });
});

describe('the longest quarantine', () => {
  it('grows with what is asked for, and does not begin where there is none', () => {
    const [term, none] = [new QuarantineTerm(60_000), new QuarantineTerm(0)];
    for (const ms of [1_000, 3_600_000, 90_000]) for (const one of [term, none]) one.raise(ms);
    expect([term.ms, none.ms]).toEqual([3_600_000, 0]);
  });
});

describe('the rule, in seeded worlds with restarts, extensions, releases and late messages', () => {
  it('never lets two leases be valid at once, and lifts quarantines', () => {
    const seed = randomInt(2 ** 30);
    expect(findOverlap(600, seed)).toBeUndefined();
    const { lifts, leases } = tallyOf(100, seed);
    expect(lifts).toBeGreaterThan(100);
    expect(leases).toBeGreaterThan(300);
  });

  it.each(QUARANTINE_FLAWS)('fails with this flaw: %s', (flaw) => {
    expect(findOverlap(20_000, 1, flaw)).toBeDefined();
  });
});
