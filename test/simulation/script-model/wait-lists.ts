import type { Server } from './operation.js';
import { numberIn } from './words.js';

/** The lists of waiting processes. */
export class WaitLists {
  constructor(private readonly server: Server) {}

  enlist(list: string, waiter: string, lifeMs: number): void {
    const { keyspace, nowUs, marker } = this.server;
    keyspace.addMember(list, waiter, nowUs);
    if (keyspace.pttl(list) < lifeMs) keyspace.pexpire(list, lifeMs);
    const untilMs = Math.ceil(nowUs / 1_000) + lifeMs;
    if ((numberIn(keyspace.field(marker, 'waits')) ?? 0) < untilMs)
      keyspace.setField(marker, 'waits', String(untilMs + lifeMs));
  }

  /** How many were told. */
  wakeFirst(lock: string, list: string, channel: string): number {
    for (const waiter of this.server.keyspace.members(list)) {
      this.server.keyspace.removeMember(list, waiter);
      if (this.server.publish(channel + waiter, lock) > 0) return 1;
    }
    return 0;
  }
}
