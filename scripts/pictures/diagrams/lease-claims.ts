import { extensionDueAt, extensionRetryMs } from '../../../src/core/extension-schedule.js';
import type { Asking, LeaseRun } from './lease-run.js';

/** Due times are rounded to a grid: an extension may be so much earlier or later, as a part of the TTL. */
const ROUNDED_BY = 1 / 64;

/** Throws unless the run is as the words in the picture say. */
export function checkClaims(run: LeaseRun): void {
  const { ttlMs, driftMs, marginMs, askings, lostAt, keysExpireAt } = run;
  const outcomes = askings.map(({ won }) => (won ? 'won' : 'failed')).join(' ');
  claim(outcomes === 'won won failed won failed failed failed', `the extensions went ${outcomes}`);
  claim(
    extensionRetryMs(ttlMs) === ttlMs / 10,
    'a failed extension is not tried again after a tenth of the TTL',
  );
  askings.forEach((asking, index) => {
    const next = askings[index + 1];
    if (next !== undefined) checkNext(asking, next.sentAt, run);
  });
  const last = askings.findLast(({ won }) => won)?.sentAt ?? 0;
  const validUntil = last + ttlMs - driftMs;
  claim(Math.abs(lostAt - (validUntil - marginMs)) <= 1, `the loss was told after ${lostAt} ms`);
  claim(keysExpireAt >= last + ttlMs, `the keys expire after ${keysExpireAt} ms`);
}

function checkNext({ sentAt, doneAt, won }: Asking, next: number, run: LeaseRun): void {
  const { zeroMs, ttlMs, driftMs } = run;
  if (!won) return claim(next === doneAt + extensionRetryMs(ttlMs), `a retry came after ${next} ms`);
  const stamp = { monotonicMs: zeroMs + sentAt, wallMs: 0 };
  const due = extensionDueAt({ sentAt: stamp, ttlMs, driftMs }) - zeroMs;
  claim(next === due, `an extension came after ${next} ms, not ${due}`);
  const third = sentAt + ttlMs / 3;
  claim(Math.abs(due - third) <= ttlMs * ROUNDED_BY, `an extension is due after ${due} ms, not ${third}`);
}

function claim(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`the picture of a lease is wrong: ${otherwise}`);
}
