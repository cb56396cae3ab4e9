import { describe, expect, it } from '@jest/globals';
import { QuorumUnreachableError, type LockManager, type NodeSource } from '../../src/index.js';
import { voteOf } from '../../src/node/contract/operations.js';
import { redisNode } from '../contract/redis-subject.js';
import { GLIDE, glideFor, type ClientOptions } from '../support/client-libraries.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { untilGone } from '../support/lock-managers.js';
import { oneRedis } from '../support/one-redis.js';
import { until } from '../support/until.js';

const redis = oneRedis();

const reasonOf = (locks: LockManager): string | undefined => locks.nodes()[0]!.reason;
const untilIs = (locks: LockManager, status: string): Promise<boolean> =>
  until(() => locks.nodes()[0]!.status === status, { what: `the node to be ${status}` });

for (const { node } of GLIDE) {
  const connected = (options: ClientOptions): Promise<LockManager> =>
    redis.managers.connected({ nodes: [node(options)] });

  describe('a node of Valkey GLIDE', () => {
    it('has no vote on a server that came back with its data, although GLIDE does not tell', async () => {
      const source = node({ ...redis.server.options, connectionName: 'glide-of-a-test' });
      const voter = redisNode(source, { quarantineMs: 600_000 });
      await until(() => voter.state.status !== 'connecting');
      await voter.memory.trust();
      await until(() => voter.state.status === 'ready');
      const acquire = (resource: string) =>
        voteOf(voter, {
          op: 'acquire',
          resources: [resource],
          holderId: `holder of ${resource}`,
          deadlineAt: performance.now() + 5_000,
          ttlMs: 60_000,
          seed: Date.now() * 1_000,
          tokens: 1,
          tick: undefined,
        });
      expect(await acquire('before')).toMatchObject({ kind: 'granted' });
      await redis.server.restart({ keepData: true });
      const names = async (): Promise<string> => String(await redis.server.client().client('LIST'));
      await until(async () => (await names()).includes('name=glide-of-a-test'), {
        what: 'GLIDE to connect again',
      });
      // The server has the marker of its former run. The state is that of the former run still.
      expect(await acquire('after')).toMatchObject({ kind: 'failed', reason: 'untrusted' });
      expect(voter.state).toMatchObject({ status: 'untrusted' });
      await voter.close();
    });

    it('leaves no key of a request that it sent again when its connection broke', async () => {
      await using proxy = await FaultProxy.before(redis.server);
      const locks = await connected(proxy.options);
      proxy.setAll({ loseRequests: true });
      // GLIDE sends it again, perhaps in time.
      const acquired = locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 500 }).catch(() => undefined);
      const sent = proxy.sent.length;
      await until(() => proxy.sent.length > sent);
      proxy.setAll({});
      await (await acquired)?.release();
      await untilGone([redis.server], 'lock:a');
    });

    it('locks again when its server is back, and a request meanwhile fails in time', async () => {
      await using proxy = await FaultProxy.before(redis.server);
      const locks = await connected(proxy.options);
      proxy.setAll({ refuse: true });
      await expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 300 })).rejects.toThrow(
        QuorumUnreachableError,
      );
      proxy.setAll({});
      await until(() =>
        locks.acquire('b', { ttlMs: 60_000 }).then(
          () => true,
          () => false,
        ),
      );
      await untilGone([redis.server], 'lock:a');
    });

    it('is misconfigured with a wrong password, which is not shown', async () => {
      const client = redis.server.client();
      await client.call('ACL', 'SETUSER', 'app', 'on', 'resetpass', '>the-right-one', '~*', '&*', '+@all');
      const wrong = { username: 'app', password: 'hunter2-and-a-half' };
      const locks = redis.managers.make({ nodes: [node({ ...redis.server.options, ...wrong })] });
      await untilIs(locks, 'misconfigured');
      expect(reasonOf(locks)).toMatch(/^the server refused the user or password/);
      expect(reasonOf(locks)).not.toContain('hunter2');
      const others = await connected({ ...redis.server.options, ...wrong, password: 'the-right-one' });
      await others.withLock('a', async () => undefined);
      await client.call('ACL', 'DELUSER', 'app');
    });

    it('is misconfigured if its user lacks a permission', async () => {
      const client = redis.server.client();
      await client.call('ACL', 'SETUSER', 'app', 'on', '>password', '~*', '&*', '+@all', '-info');
      const user = { username: 'app', password: 'password' };
      const locks = redis.managers.make({ nodes: [node({ ...redis.server.options, ...user })] });
      await untilIs(locks, 'misconfigured');
      expect(reasonOf(locks)).toMatch(/its user (may not call INFO|lacks a permission)/);
      await client.call('ACL', 'DELUSER', 'app');
    });

    it('is misconfigured with acknowledge', async () => {
      const locks = redis.managers.make({
        nodes: [node(redis.server.options)],
        acknowledge: { replicas: 1 },
      });
      await untilIs(locks, 'misconfigured');
      expect(reasonOf(locks)).toContain('Valkey GLIDE, which cannot tell what its replicas have');
    });
  });

  describe('the function glide', () => {
    const nodeOf = (glide: () => unknown): NodeSource => ({ glide, host: '127.0.0.1', port: 1 });

    it.each<[string, () => unknown, RegExp]>([
      ['throws', () => failing('no such host'), /^the function glide failed: no such host$/],
      ['rejects', () => Promise.reject(new Error('nobody')), /^the function glide failed: nobody$/],
      ['makes nothing', () => undefined, /made no client of one server by Valkey GLIDE/],
      [
        'makes a client of a Cluster',
        async () =>
          Object.create((await import('@valkey/valkey-glide')).GlideClusterClient.prototype) as unknown,
        /made a GlideClusterClient, not supported: give { cluster/,
      ],
      ['makes another client', () => redis.server.client(), /made no client of one server by Valkey GLIDE/],
    ])('that %s is told as the reason', async (_name, glide, reason) => {
      const locks = redis.managers.make({ nodes: [nodeOf(glide)] });
      await untilIs(locks, 'unreachable');
      expect(reasonOf(locks)).toMatch(reason);
    });

    it('that does not end holds nobody up, and a client that comes too late is closed', async () => {
      let give = (_client: unknown): void => undefined;
      const locks = redis.managers.make({
        nodes: [nodeOf(() => new Promise((resolve) => (give = resolve)))],
      });
      await expect(locks.acquire('a', { nodeTimeoutMs: 50 })).rejects.toThrow(QuorumUnreachableError);
      await locks.close();
      const client = await glideFor(redis.server.options);
      give(client);
      await until(
        () =>
          client.ping().then(
            () => false,
            () => true,
          ),
        { what: 'the client to be closed' },
      );
    });
  });
}

function failing(message: string): never {
  throw new Error(message);
}
