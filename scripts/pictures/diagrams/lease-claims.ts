import type { LeaseRun } from './lease-run.js';

/** How far an extension may be from its due time, as a part of the TTL: extensions are grouped. */
const GRID = 1 / 32;

/** Throws unless the run is as the words in the picture say. */
export function checkClaims({ ttlMs, driftMs, marginMs, askings, lostAt, keysExpireAt }: LeaseRun): void {
  const outcomes = askings.map(({ won }) => (won ? 'won' : 'failed')).join(' ');
  claim(outcomes === 'won won failed won failed failed failed', `the extensions went ${outcomes}`);
  askings.forEach(({ sentAt, doneAt, won }, index) => {
    const next = askings[index + 1];
    if (next === undefined) return;
    const due = won ? sentAt + ttlMs / 3 : doneAt + ttlMs / 10;
    claim(
      Math.abs(next.sentAt - due) <= ttlMs * GRID,
      `an extension came after ${next.sentAt} ms, not ${due}`,
    );
  });
  const last = askings.findLast(({ won }) => won)?.sentAt ?? 0;
  const validUntil = last + ttlMs - driftMs;
  claim(Math.abs(lostAt - (validUntil - marginMs)) <= 1, `the loss was told after ${lostAt} ms`);
  claim(keysExpireAt >= last + ttlMs, `the keys expire after ${keysExpireAt} ms`);
}

function claim(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`the picture of a lease is wrong: ${otherwise}`);
}
