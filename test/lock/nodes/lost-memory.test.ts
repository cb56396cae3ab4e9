import { copyFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../../src/index.js';
import type { RedisServer } from '../../support/redis-server.js';
import { startRedis } from '../../support/redis-servers.js';
import { VirtualAddress } from '../../support/virtual-address.js';
import { until } from '../../support/until.js';
import {
  allVote,
  Clients,
  forget,
  NOT_GRANTED,
  outcomeOf,
  R,
  SHORT,
  untilStatus,
} from '../../support/clients.js';

const MARKER = 'lock:quorlock:node';

async function save(server: RedisServer): Promise<void> {
  const client = server.client();
  await client.call('SAVE');
  client.disconnect();
}

async function command(server: RedisServer, ...args: [string, ...string[]]): Promise<unknown> {
  const client = server.client();
  try {
    return await client.call(...args);
  } finally {
    client.disconnect();
  }
}

/** Without the quarantine there are two holders, as soon as the node has got its list of nodes back. */
const untilGranted = (locks: LockManager): Promise<boolean> =>
  until(async () => (await outcomeOf(locks.acquire(R))) === 'granted', { what: 'a second holder' });

describe('a node that came back with old data (trap 18)', () => {
  it('a node with old data has no vote: a lock from after the snapshot is not granted again', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const [old, other] = redis.servers;
    const [holder, witness] = [await clients.ready(), await clients.ready()];
    await holder.acquire('before');
    await save(old!);
    const lease = await holder.acquire(R);
    await forget(redis.servers[2]!);
    await old!.kill();
    await old!.start();
    // Its marker and its old locks are there, but not the new lock.
    expect(await command(old!, 'EXISTS', MARKER)).toBe(1);
    expect(await command(old!, 'EXISTS', 'lock:before')).toBe(1);
    expect(await command(old!, 'EXISTS', `lock:${R}`)).toBe(0);
    await until(() => witness.nodes()[0]!.status === 'untrusted');
    expect(witness.nodes()[0]!.reason).toContain('lost its memory');
    expect(await outcomeOf(witness.acquire(R))).toMatch(NOT_GRANTED);
    expect(await outcomeOf(clients.make().acquire(R))).toMatch(NOT_GRANTED);
    // It still refuses what it remembers: a refusal needs no trust.
    expect(await outcomeOf(witness.acquire('before'))).toBe('LOCK_NOT_ACQUIRED held');
    expect(lease.signal.aborted).toBe(false);
    await untilGranted(clients.make({ restartQuarantine: 'off' }));
    expect(await command(other!, 'EXISTS', `lock:${R}`)).toBe(1);
  });

  it('a node with old data is found although it came back while nobody was connected', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const [old] = redis.servers;
    const first = await clients.ready();
    await save(old!);
    const dump = join(dirname(old!.path), 'dump.rdb');
    await copyFile(dump, `${dump}.old`);
    await first.acquire(R);
    await forget(redis.servers[2]!);
    await old!.restart({ keepData: true });
    await old!.kill();
    await copyFile(`${dump}.old`, dump);
    await old!.start();
    const fresh = clients.make();
    expect(await outcomeOf(fresh.acquire(R))).toMatch(NOT_GRANTED);
    await untilStatus(fresh, 0, 'untrusted');
    await rm(`${dump}.old`);
  });
});

/** Makes the server a replica, and waits until it is in step with its master. */
async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await command(master, 'CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  await command(replica, 'REPLICAOF', '127.0.0.1', String(master.port));
  await until(async () => String(await command(replica, 'INFO')).includes('master_link_status:up'));
}

describe('a failover', () => {
  it('a failover costs the vote, although the promoted replica has the marker: it may lack locks', async () => {
    await using redis = await startRedis({ count: 4, tcp: true });
    const [first, second, third, spare] = redis.servers as [
      RedisServer,
      RedisServer,
      RedisServer,
      RedisServer,
    ];
    await using address = await VirtualAddress.before(first);
    const nodes = [address.options, second.options, third.options];
    await using clients = new Clients([]);
    const holder = await clients.ready({ nodes });
    await follow(spare, first);
    await until(async () => (await command(spare, 'EXISTS', MARKER)) === 1);
    // The replica does not get what the master grants from now on.
    await command(spare, 'REPLICAOF', 'NO', 'ONE');
    const lease = await holder.acquire(R);
    await forget(third);
    address.pointTo(spare);
    await first.kill();
    await untilStatus(holder, 0, 'untrusted');
    const fresh = clients.make({ nodes });
    expect(await outcomeOf(fresh.acquire(R))).toMatch(NOT_GRANTED);
    expect(fresh.nodes()[0]!.reason).toContain('lost its memory');
    expect(lease.signal.aborted).toBe(false);
    await untilGranted(clients.make({ nodes, restartQuarantine: 'off' }));
  });

  it('a replica is misconfigured while it is one, and votes after its promotion and a quarantine', async () => {
    await using redis = await startRedis({ count: 4, tcp: true });
    const [first, second, third, spare] = redis.servers as [
      RedisServer,
      RedisServer,
      RedisServer,
      RedisServer,
    ];
    await using clients = new Clients([]);
    const before = await clients.ready({ ...SHORT, nodes: [first, second, third].map((one) => one.options) });
    await follow(spare, first);
    const after = clients.make({ ...SHORT, nodes: [spare, second, third].map((one) => one.options) });
    await untilStatus(after, 0, 'misconfigured');
    expect(after.nodes()[0]!.reason).toBe('it is a read-only replica');
    expect(clients.warnings.join('\n')).toContain('read-only replica');
    expect(await outcomeOf(after.acquire(R))).toBe('granted');
    await before.close();
    await command(spare, 'REPLICAOF', 'NO', 'ONE');
    await untilStatus(after, 0, 'untrusted');
    await allVote(after);
  });

  it('a master that becomes a replica is misconfigured from the first vote that it cannot write', async () => {
    await using redis = await startRedis({ count: 4, tcp: true });
    const [first, , , spare] = redis.servers as [RedisServer, RedisServer, RedisServer, RedisServer];
    await using clients = new Clients(redis.servers.slice(0, 3));
    const locks = await clients.ready();
    await follow(first, spare);
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    await untilStatus(locks, 0, 'misconfigured');
  });
});
