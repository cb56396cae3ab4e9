import { describe, expect, it } from '@jest/globals';
import { QuarantineTerm } from '../../../../src/core/quarantine.js';
import { RedisServer } from '../../../../src/node/redis/server/redis-server.js';
import { Link } from '../../../simulation/network.js';
import { Rng } from '../../../simulation/rng.js';
import { simEndpoint } from '../../../simulation/sim-connection.js';
import { SimProcess } from '../../../simulation/sim-process.js';
import { SimServer } from '../../../simulation/sim-server.js';
import { Timeline } from '../../../simulation/timeline.js';

function serverThat({ failsOver }: { failsOver: boolean }): RedisServer {
  const [timeline, rng] = [new Timeline(), new Rng(1)];
  const clock = new SimProcess(timeline, rng, 1, 0);
  const server = new SimServer('n1', timeline, 1, 0, undefined, () => undefined);
  const link = new Link(timeline, rng, { leastMs: 1, meanJitterMs: 0, resendChance: 0 });
  const endpoint = { ...simEndpoint(clock, { address: 'n1', server }, link, false), failsOver };
  const settings = {
    keyPrefix: 'lock:',
    driftFactor: 0.01,
    quarantine: new QuarantineTerm(1),
    isExact: true,
  };
  return new RedisServer(endpoint, { ...settings, clock, random: rng.next }, () => undefined);
}

describe('a server that may be replaced by another one', () => {
  it('the quarantine of a server that always stays the same can be ended early', () => {
    expect(serverThat({ failsOver: false }).lift).toBeDefined();
  });

  it('the quarantine after a failover is not ended early: the server before may still vote for others', () => {
    expect(serverThat({ failsOver: true }).lift).toBeUndefined();
  });
});
