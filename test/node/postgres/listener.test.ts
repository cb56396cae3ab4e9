import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { PostgresClientLike } from '../../../src/node/node-options.js';
import { Connections } from '../../../src/node/postgres/connections.js';
import { PostgresListeners } from '../../../src/node/postgres/postgres-listener.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** What a database does with LISTEN and NOTIFY, without one. */
class FakeSessions {
  /** Whether a session keeps what it listens to: not behind a pooler in transaction mode. */
  keepsSessions = true;
  /** The channels of each session that listens. */
  readonly listening = new Map<FakeClient, Set<string>>();
  /** How many connections are taken. */
  taken = 0;

  connect(): Promise<PostgresClientLike> {
    this.taken++;
    return Promise.resolve(new FakeClient(this) as unknown as PostgresClientLike);
  }

  notify(channel: string, payload: string): void {
    for (const [client, channels] of this.listening)
      if (channels.has(channel)) client.emit('notification', { channel, payload });
  }
}

class FakeClient extends EventEmitter {
  constructor(private readonly sessions: FakeSessions) {
    super();
  }

  query(text: string, values: readonly unknown[] = []): Promise<{ rows: unknown[] }> {
    const { listening, keepsSessions } = this.sessions;
    const [, verb, channel = ''] = /^(listen|unlisten) "(.*)"$/.exec(text) ?? [];
    const own = listening.get(this) ?? new Set();
    if (verb === 'listen' && keepsSessions) listening.set(this, own.add(channel));
    if (verb === 'unlisten') own.delete(channel);
    if (text.includes('pg_notify'))
      for (const one of values[0] as string[]) this.sessions.notify(one, String(values[1]));
    return Promise.resolve({ rows: [] });
  }

  release(): void {
    this.sessions.taken--;
    this.sessions.listening.delete(this);
  }
}

function opened(sessions = new FakeSessions()) {
  const clock = new VirtualClock();
  const heard: (string | undefined)[] = [];
  const hearing: string[] = [];
  const listeners = new PostgresListeners(new Connections(sessions, clock), 'lock:', clock, () => 0.5, {
    hears: () => void hearing.push('hears'),
    hearsNothing: () => void hearing.push('hears nothing'),
  });
  const listener = listeners.add('waiter', (resource) => void heard.push(resource));
  return { clock, heard, hearing, listener, sessions };
}

describe('a listener of PostgreSQL', () => {
  it('it is open as soon as it heard what it sent to itself, and hears releases', async () => {
    const { clock, heard, listener, sessions } = opened();
    await clock.advance(1);
    expect(listener.open).toBe(true);
    const [channel = ''] = [...sessions.listening.values()][0]!;
    sessions.notify(channel, 'invoice:7');
    expect(heard).toEqual([undefined, 'invoice:7']);
    await clock.advance(60_000);
    expect(listener.open).toBe(true);
    expect(heard).toHaveLength(2);
    listener.close();
    await clock.advance(1);
    expect(sessions.taken).toBe(0);
  });

  it('one that stops hearing, without an error, is opened again within seconds', async () => {
    const { clock, heard, listener, sessions } = opened();
    await clock.advance(1);
    for (const channels of sessions.listening.values()) channels.clear();
    await clock.advance(15_000);
    expect(listener.open).toBe(true);
    // Twice: what was released in between may have been missed.
    expect(heard).toEqual([undefined, undefined]);
    expect(sessions.taken).toBe(1);
  });

  it('behind a pooler in transaction mode it is not open, says so, and is tried again later', async () => {
    const sessions = new FakeSessions();
    sessions.keepsSessions = false;
    const { clock, heard, hearing, listener } = opened(sessions);
    await clock.advance(6_000);
    expect({ open: listener.open, heard, hearing }).toEqual({
      open: false,
      heard: [],
      hearing: ['hears nothing'],
    });
    expect(sessions.taken).toBe(0);
    sessions.keepsSessions = true;
    await clock.advance(60_000);
    expect(listener.open).toBe(true);
    expect(hearing).toEqual(['hears nothing', 'hears']);
  });
});
