import { COMES_WITHIN_MS } from '../../../src/core/backoff.js';
import type { Server } from './operation.js';
import { numberIn } from './words.js';

/** The lists of waiting processes. */
export class WaitLists {
  constructor(private readonly server: Server) {}

  enlist(list: string, waiter: string, lifeMs: number): void {
    const { keyspace, nowUs, marker } = this.server;
    keyspace.addMember(list, waiter, keyspace.score(list, waiter) ?? nowUs);
    if (keyspace.pttl(list) < lifeMs) keyspace.pexpire(list, lifeMs);
    const untilMs = Math.ceil(nowUs / 1_000) + lifeMs;
    if ((numberIn(keyspace.field(marker, 'waits')) ?? 0) < untilMs)
      keyspace.setField(marker, 'waits', String(untilMs + lifeMs));
  }

  /** How many were told. */
  wakeFirst(lock: string, list: string, channel: string): number {
    const { keyspace, publish, nowUs } = this.server;
    let told = 0;
    for (const waiter of keyspace.members(list)) {
      const place = keyspace.score(list, waiter)!;
      const isHeard = publish(channel + waiter, lock) > 0;
      if (isHeard && place >= 0) {
        keyspace.addMember(list, waiter, -nowUs);
        return 1;
      }
      keyspace.removeMember(list, waiter);
      if (isHeard) told = 1;
      if (isHeard && nowUs + place < COMES_WITHIN_MS * 1_000) return 1;
    }
    return told;
  }
}
