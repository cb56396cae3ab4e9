import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../src/index.js';
import { postgresNode, trusted } from '../contract/postgres-subject.js';
import { LockManagers } from '../support/lock-managers.js';
import { PostgresServer } from '../support/postgres-server.js';
import { until } from '../support/until.js';

let managers: LockManagers;
let server: PostgresServer;
beforeEach(async () => {
  managers = new LockManagers();
  server = await PostgresServer.start({ fsync: true });
});
afterEach(async () => {
  await managers[Symbol.asyncDispose]();
  await server.stop();
});

const alone = (of = server): LockManager =>
  managers.make({ nodes: [{ postgres: of.config, migrate: true }] });

/** The tokens of so many leases in a row. */
async function tokensOf(locks: LockManager, leases: number): Promise<number[]> {
  const tokens: number[] = [];
  for (let lease = 0; lease < leases; lease++)
    tokens.push(await locks.withLock('counted', { waitMs: 60_000 }, ({ token }) => token));
  return tokens;
}

const expectToGrow = (tokens: readonly number[]): void =>
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));

describe('tokens of a database alone', () => {
  it('they grow over a failover to a standby that lacks the latest leases', async () => {
    const tokens = await tokensOf(alone(), 3);
    await using standby = await PostgresServer.standbyOf(server, { fsync: true });
    await standby.end('SIGINT');
    tokens.push(...(await tokensOf(alone(), 20)));
    await server.end('SIGKILL');
    await standby.start();
    await standby.promote();
    const locks = alone(standby);
    await until(() => locks.nodes()[0]?.status === 'ready');
    tokens.push(...(await tokensOf(locks, 3)));
    expectToGrow(tokens);
  });

  it('they grow over a base backup that was put back while a client is running', async () => {
    const locks = alone();
    const tokens = await tokensOf(locks, 3);
    server.backUp();
    tokens.push(...(await tokensOf(locks, 20)));
    await server.end('SIGINT');
    server.restore();
    await server.start();
    await until(() => locks.nodes()[0]?.status === 'ready');
    tokens.push(...(await tokensOf(locks, 3)));
    expectToGrow(tokens);
  });
});

describe('a node among others', () => {
  it('a base backup that was put back costs the vote at the first request, and for all clients', async () => {
    const open = () => postgresNode({ postgres: server.config, migrate: true }, { quarantineMs: 600_000 });
    const [node, other] = [open(), open()];
    await trusted(node);
    await trusted(other);
    server.backUp();
    await server.query('create table more as select generate_series(1, 1000)');
    await node.memory?.look();
    await server.end('SIGINT');
    server.restore();
    await server.start();
    await until(() => node.state.status === 'untrusted' && other.state.status === 'untrusted');
    expect(node.state.reason).toContain('a backup was restored');
    await Promise.all([node.close(), other.close()]);
  });
});

describe('a clock that was set back', () => {
  it('a key from before lives on for no longer than it was to live, and then another gets it', async () => {
    const locks = alone();
    const lease = await locks.acquire('dated', { ttlMs: 1_500, nodeTimeoutMs: 500, autoExtend: false });
    await server.query(
      'update quorlock.lease set expires = expires + 3600000000, set_at = set_at + 3600000000',
    );
    const { remainingMs } = await locks.inspect('dated');
    expect(remainingMs).toBeGreaterThan(0);
    expect(remainingMs).toBeLessThanOrEqual(1_500);
    const next = await alone().acquire('dated', { waitMs: 60_000 });
    expect(next.token).toBeGreaterThan(lease.token);
    expect(lease.signal.aborted).toBe(true);
  });

  it('how long a node tells that keys may live is no longer than that', async () => {
    const node = postgresNode({ postgres: server.config, migrate: true }, { quarantineMs: 600_000 });
    await trusted(node);
    await server.query(`insert into quorlock.lease (prefix, resource, holder, expires, set_at, keep)
      select 'lock:', 'dated', 'somebody', t + 3605000000, t + 3600000000, t from quorlock.now_v1() t`);
    const { outMs } = (await node.memory?.look()) ?? {};
    expect(outMs).toBeGreaterThan(0);
    expect(outMs).toBeLessThanOrEqual(5_000);
    await node.close();
  });
});
