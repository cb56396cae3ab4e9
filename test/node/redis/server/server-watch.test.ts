import { expect, it } from '@jest/globals';
import { QuarantineTerm } from '../../../../src/core/quarantine.js';
import type { Connection } from '../../../../src/node/redis/connection/connection.js';
import type { Endpoint } from '../../../../src/node/redis/connection/endpoint.js';
import { ScriptCalls } from '../../../../src/node/redis/server/script-calls.js';
import { serverInfoOf } from '../../../../src/node/redis/server/server-info.js';
import { ServerWatch } from '../../../../src/node/redis/server/server-watch.js';
import { VotingState } from '../../../../src/node/server/voting-state.js';
import { VirtualClock } from '../../../support/virtual-clock.js';

const MASTER = `run_id:${'a'.repeat(40)}\r\nrole:master\r\n`;
const REPLICA = `run_id:${'a'.repeat(40)}\r\nrole:slave\r\n`;

const nothing = (): void => undefined;

/** A watch over a server with this connection. */
function watchOf(clock: VirtualClock, connection: Partial<Connection>) {
  const endpoint: Partial<Endpoint> = { durable: false, failsOver: false };
  const settings = {
    keyPrefix: 'lock:',
    driftFactor: 0.01,
    quarantine: new QuarantineTerm(1_000),
    isExact: true,
    clock,
    random: () => 0.5,
  };
  const voting = new VotingState(settings, serverInfoOf(''), '', {
    onUntrusted: nothing,
    onPutBack: nothing,
  });
  const [open, place] = [connection as Connection, endpoint as Endpoint];
  const calls = new ScriptCalls(open, voting, settings, 'lock:', place);
  const tell = (): Promise<unknown> => Promise.resolve();
  const server = { endpoint: place, connection: open, calls, voting, tell, onError: String };
  return { voting, watch: new ServerWatch(server, settings) };
}

it('a server that turns out to be a replica is only connected to again, also if a vote had planned a look', async () => {
  const clock = new VirtualClock();
  const asked: string[] = [];
  let tellInfo: (text: string) => void = () => undefined;
  const connection: Partial<Connection> = {
    info: () => {
      asked.push('info');
      return new Promise((resolve) => (tellInfo = resolve));
    },
    script: () => Promise.resolve(),
    disconnect: (again) => void asked.push(again === true ? 'connect again' : 'disconnect'),
  };
  const { voting, watch } = watchOf(clock, connection);
  const introducing = watch.introduce();
  await clock.advance(10);
  // A vote finds the server in quarantine while it is still being introduced.
  watch.lookAgain();
  tellInfo(REPLICA);
  await introducing;
  expect(voting.state).toMatchObject({ status: 'misconfigured', reason: 'it is a read-only replica' });
  await clock.advance(20_000);
  expect(asked).toEqual(['info', 'connect again']);
  expect(clock.timers).toBe(0);
});

it('a right that was taken away is found out by a new handshake, and not by each caller', async () => {
  const clock = new VirtualClock();
  const asked: string[] = [];
  let refusal: Error | undefined;
  const { watch } = watchOf(clock, {
    info: () => {
      asked.push('info');
      return refusal === undefined ? Promise.resolve(MASTER) : Promise.reject(refusal);
    },
    script: () => Promise.resolve(),
    disconnect: (again) => void asked.push(again === true ? 'connect again' : 'disconnect'),
  });
  await watch.introduce();
  refusal = new Error('BUSY Redis is busy running a script');
  await clock.advance(5_000);
  refusal = new Error("NOPERM this user has no permissions to run the 'info' command");
  await clock.advance(5_000);
  expect(asked).toEqual(['info', 'info', 'info', 'connect again']);
  expect(clock.timers).toBe(0);
});
