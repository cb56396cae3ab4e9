import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { QuarantineTerm } from '../../../../src/core/quarantine.js';
import type { Connection } from '../../../../src/node/redis/connection/connection.js';
import type { Endpoint } from '../../../../src/node/redis/connection/endpoint.js';
import { RELEASE } from '../../../../src/node/redis/protocol/release.js';
import { CallContent } from '../../../../src/node/redis/protocol/script-call.js';
import { RedisServer } from '../../../../src/node/redis/server/redis-server.js';
import { serverInfoOf } from '../../../../src/node/redis/server/server-info.js';
import { Link } from '../../../simulation/network.js';
import { Rng } from '../../../simulation/rng.js';
import { simEndpoint } from '../../../simulation/sim-connection.js';
import { SimProcess } from '../../../simulation/sim-process.js';
import { SimServer } from '../../../simulation/sim-server.js';
import { Timeline } from '../../../simulation/timeline.js';
import { VirtualClock } from '../../../support/virtual-clock.js';

const settings = {
  keyPrefix: 'lock:',
  driftFactor: 0.01,
  quarantine: new QuarantineTerm(1),
  isExact: true,
};

function serverThat({ failsOver }: { failsOver: boolean }): RedisServer {
  const [timeline, rng] = [new Timeline(), new Rng(1)];
  const clock = new SimProcess(timeline, rng, 1, 0);
  const server = new SimServer('n1', timeline, 1, 0, undefined, () => undefined);
  const link = new Link(timeline, rng, { leastMs: 1, meanJitterMs: 0, resendChance: 0 });
  const endpoint = { ...simEndpoint(clock, { address: 'n1', server }, link, false), failsOver };
  return new RedisServer(endpoint, { ...settings, clock, random: rng.next }, () => undefined);
}

/** A server at the other end of this connection. */
function serverAt(connection: object, clock: VirtualClock): RedisServer {
  const endpoint: Endpoint = {
    name: 'n1',
    address: 'n1',
    clientPrefix: '',
    durable: false,
    failsOver: false,
    open: () => connection as unknown as Connection,
  };
  return new RedisServer(endpoint, { ...settings, clock, random: () => 0.5 }, () => undefined);
}

/** A server whose calls are answered by hand; it votes. */
function readyServer() {
  let replied: (error: Error | undefined, reply: unknown) => void = () => undefined;
  const connection = Object.assign(new EventEmitter(), {
    connect: () => Promise.resolve(),
    run: (_call: unknown, done: typeof replied) => (replied = done),
  });
  const clock = new VirtualClock();
  const server = serverAt(connection, clock);
  server.voting.info = serverInfoOf(`run_id:${'a'.repeat(40)}`);
  server.voting.learn(clock.stamp(), { nodeUs: 1, quarantineLeftMs: 0 });
  const answer = (reply: Error | readonly unknown[]): void =>
    reply instanceof Error ? replied(reply, undefined) : replied(undefined, reply);
  return { server, answer };
}

describe('a server that may be replaced by another one', () => {
  it('the quarantine of a server that always stays the same can be ended early', () => {
    expect(serverThat({ failsOver: false }).lift).toBeDefined();
  });

  it('the quarantine after a failover is not ended early: the server before may still vote for others', () => {
    expect(serverThat({ failsOver: true }).lift).toBeUndefined();
  });
});

it('a right that was given back is missed until a release has shown that it is there', () => {
  const { server, answer } = readyServer();
  const release = (reply: Error | readonly unknown[]): void => {
    const content = new CallContent(RELEASE, [], [], 0, '', 0, '', 0);
    server.ask([content], () => undefined);
    answer(reply);
  };
  const lacks = [expect.stringMatching(/^its user lacks a permission .*'del'/)];
  release(new Error("NOPERM User locks has no permissions to run the 'del' command"));
  expect(server.state).toMatchObject({ status: 'ready', cautions: lacks });
  // The holder has no key there, so nothing is deleted.
  release([['absent'], ['error', 'WRONGTYPE']]);
  expect(server.state.cautions).toEqual(lacks);
  release([['absent'], 0]);
  expect(server.state).not.toHaveProperty('cautions');
});

it('a connection that ends without an error gives no reason from before it was there', () => {
  const connection = Object.assign(new EventEmitter(), {
    connect: () => Promise.resolve(),
    info: () => new Promise(() => undefined),
    script: () => Promise.resolve(),
  });
  const server = serverAt(connection, new VirtualClock());
  connection.emit('error', new Error('connect ECONNREFUSED'));
  connection.emit('close');
  expect(server.state).toEqual({ status: 'unreachable', reason: 'connect ECONNREFUSED' });
  connection.emit('ready');
  connection.emit('close');
  expect(server.state).toEqual({ status: 'unreachable', reason: 'the connection was closed' });
});
