import { expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { Connection } from '../../../src/node/redis/connection/connection.js';
import { RedisReleaseListener } from '../../../src/node/redis/release-listener.js';
import { TestClock } from '../../../src/testing/test-clock.js';

const CHANNEL = 'lock:quorlock:wake:me';
const BUSY = new Error('BUSY Redis is busy running a script.');

/** A connection to a server that refuses subscriptions for as long as there is a `refusal`. */
class OneConnection extends EventEmitter {
  refusal: Error | undefined;
  asked = 0;

  readonly connect = (): Promise<void> => Promise.resolve();
  readonly disconnect = (): boolean => this.emit('close');

  subscribe(): Promise<number> {
    this.asked++;
    return this.refusal === undefined ? Promise.resolve(1) : Promise.reject(this.refusal);
  }
}

function listening(refusal?: Error) {
  const connection = new OneConnection();
  connection.refusal = refusal;
  const clock = new TestClock();
  const heard: (string | undefined)[] = [];
  const refusals: unknown[] = [];
  const listener = new RedisReleaseListener(connection as unknown as Connection, CHANNEL, {
    clock,
    onMessage: (message) => heard.push(message),
    onRefused: (error) => refusals.push(error),
  });
  connection.emit('ready');
  return { connection, clock, heard, refusals, listener };
}

it('hears its channel, and tells when it has opened', async () => {
  const { connection, clock, heard, listener } = listening();
  await clock.advance(0);
  expect(listener.open).toBe(true);
  connection.emit('message', CHANNEL, 'lock:a');
  connection.emit('message', 'another', 'lock:b');
  expect(heard).toEqual([undefined, 'lock:a']);
  await clock.advance(60_000);
  expect(connection.asked).toBe(1);
});

it('asks again on the same connection until it may subscribe', async () => {
  const { connection, clock, heard, refusals, listener } = listening(BUSY);
  await clock.advance(60_000);
  expect(listener.open).toBe(false);
  expect(refusals.length).toBe(connection.asked);
  expect(connection.asked).toBeGreaterThan(2);
  expect(connection.asked).toBeLessThan(15);
  connection.refusal = undefined;
  await clock.advance(5_000);
  expect([listener.open, heard]).toEqual([true, [undefined]]);
  const { asked } = connection;
  await clock.advance(60_000);
  expect(connection.asked).toBe(asked);
});

it('asks nothing while there is no connection, and at once when there is one', async () => {
  const { connection, clock, heard, listener } = listening(BUSY);
  await clock.advance(0);
  connection.emit('close');
  await clock.advance(60_000);
  expect(connection.asked).toBe(1);
  connection.refusal = undefined;
  connection.emit('ready');
  await clock.advance(60_000);
  expect([listener.open, heard, connection.asked]).toEqual([true, [undefined], 2]);
});

it('asks nothing because of an answer that came when the connection had broken', async () => {
  const { connection, clock } = listening(BUSY);
  connection.emit('close');
  await clock.advance(60_000);
  expect(connection.asked).toBe(1);
});

it('asks nothing once it is closed', async () => {
  const { connection, clock, listener } = listening(BUSY);
  await clock.advance(0);
  listener.close();
  await clock.advance(60_000);
  expect(connection.asked).toBe(1);
});
