import { describe, expect, it } from '@jest/globals';
import type { Vote } from '../../../src/core/vote.js';
import { KeyTracker } from '../../../src/lock/quorum/key-tracker.js';
import { LockEvents } from '../../../src/api/lock-events.js';
import { Quorum } from '../../../src/lock/quorum/quorum.js';
import { QuarantineTerm } from '../../../src/core/quarantine.js';
import type { LockNode } from '../../../src/node/lock-node.js';
import type { NodeRequest } from '../../../src/node/node-request.js';
import type { Connection } from '../../../src/node/redis/connection/connection.js';
import type { Endpoint } from '../../../src/node/redis/connection/endpoint.js';
import type { ScriptCall } from '../../../src/node/redis/protocol/script-call.js';
import { RedisNode } from '../../../src/node/redis/redis-node.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** A node whose server says who it is, and never answers a request for a vote. */
function hangingNode(clock: VirtualClock): RedisNode {
  const listeners = new Map<string, () => void>();
  const connection = {
    on: (event: string, listener: () => void) => void listeners.set(event, listener),
    connect: () => {
      clock.afterTurn(() => listeners.get('ready')?.());
      return Promise.resolve();
    },
    disconnect: () => undefined,
    info: () => Promise.resolve('run_id:1\r\nrole:master\r\n'),
    script: () => Promise.resolve('sha'),
    run: ({ content }: ScriptCall, replied: (error: undefined, reply: unknown) => void) => {
      if (content.script.verb === 'guard') replied(undefined, [clock.now() * 1_000, 0, 'id', '']);
    },
    inOneWrite: (send: () => void) => send(),
  } as unknown as Connection;
  const endpoint = { name: 'n', address: 'n', clientPrefix: '', durable: false, open: () => connection };
  const quarantine = new QuarantineTerm(0);
  const settings = {
    keyPrefix: 'lock:',
    driftFactor: 0.01,
    quarantine,
    isExact: true,
    clock,
    random: () => 0.5,
  };
  return new RedisNode(endpoint as unknown as Endpoint, settings);
}

const HOLDER = 'holder';
const about = { resources: ['a'], holderId: HOLDER, deadlineAt: 60_000 };
const acquire = { op: 'acquire', ...about, ttlMs: 10_000, seed: 1, tokens: 1 } as const;
const REQUESTS: Readonly<Record<string, NodeRequest>> = {
  'an acquisition': { ...acquire, tick: undefined },
  'an acquisition for a tick': { ...acquire, tick: 7 },
  'a confirmation': { op: 'confirm', ...about, token: 1, tick: undefined },
  'an extension': { op: 'extend', ...about, ttlMs: 10_000, token: 1, maxCounter: 1 },
  'a release': { op: 'release', ...about, keepMs: 0 },
  'a minimum hold': { op: 'release', ...about, keepMs: 5_000 },
};

describe('withdraw', () => {
  it('withdraw on a stalled node cancels unsent requests, except those that must arrive', async () => {
    const clock = new VirtualClock();
    const node = hangingNode(clock);
    const votes = new Map<string, Vote>();
    const ask = (name: string, request: NodeRequest): void =>
      node.ask(request, { receive: (_, vote) => void votes.set(name, vote) }, 0);
    await clock.advance(10);
    expect(node.state.status).toBe('ready');
    for (const name of ['one batch', 'another']) {
      ask(name, { ...acquire, holderId: name, tick: undefined });
      await clock.advance(1);
    }
    await clock.advance(200);
    // From here on, the node knows that its server is stalled.
    node.withdraw('somebody else');
    for (const [name, request] of Object.entries(REQUESTS)) ask(name, request);
    node.withdraw(HOLDER);
    const withdrawn = expect.objectContaining({ kind: 'failed', reason: 'withdrawn' });
    expect([...votes]).toEqual([
      ['an extension', withdrawn],
      ['an acquisition', withdrawn],
    ]);
  });

  it.each([
    [0, 1],
    [5_000, 0],
  ])('a release with a minimum hold of %d ms withdraws requests %d times', (keepMs, times) => {
    const clock = new VirtualClock();
    let withdrawn = 0;
    const node = {
      state: { status: 'ready' },
      ask: () => undefined,
      withdraw: () => void withdrawn++,
    } as unknown as LockNode;
    const quorum = new Quorum([node], clock, new LockEvents(() => undefined));
    const claim = new KeyTracker(['a'], HOLDER, 1);
    claim.sent(0);
    void quorum.release(claim, { id: 1, ttlMs: 10_000, nodeTimeoutMs: 250, keepMs, enough: 1 });
    expect(withdrawn).toBe(times);
  });
});
