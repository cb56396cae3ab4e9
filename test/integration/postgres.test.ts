import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { postgresMigration, QuorumUnreachableError } from '../../src/index.js';
import type { LockManager, PostgresNodeOptions } from '../../src/index.js';
import { postgresNode, trusted } from '../contract/postgres-subject.js';
import { allReady, LockManagers, ofType, record } from '../support/lock-managers.js';
import { PostgresServer } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-servers.js';
import { until } from '../support/until.js';

const SECRET = 'hunter2-and-a-half';

let server: PostgresServer;
let managers: LockManagers;
beforeAll(async () => {
  server = await PostgresServer.start();
  await server.query(postgresMigration());
});
afterAll(() => server.stop());
beforeEach(() => {
  managers = new LockManagers();
});
afterEach(() => managers[Symbol.asyncDispose]());

/** Nothing in the marker is from the future but what is to be waited for, and that not for long. */
const MENDED = 'wrote <= quorlock.now_v1() and in_force < quorlock.now_v1() + 600000000';

const alone = (options: Partial<PostgresNodeOptions> = {}): LockManager =>
  managers.make({ nodes: [{ postgres: server.config, ...options }] });

const outcomeOf = (acquisition: Promise<unknown>): Promise<string> =>
  acquisition.then(
    () => 'granted',
    (error: Error & { reason?: string; code?: string }) => error.reason ?? error.code ?? error.message,
  );

/** Waits until the only node has this status, and gives the reason. */
async function reasonOf(locks: LockManager, status: string): Promise<string> {
  await until(() => locks.nodes()[0]?.status === status, { what: `the node to be ${status}` });
  return locks.nodes()[0]?.reason ?? '';
}

describe('one database and no Redis', () => {
  it('two processes exclude each other, and tokens grow', async () => {
    const [one, other] = [alone(), alone()];
    const first = await one.acquire(['account:1', 'account:2']);
    expect(await outcomeOf(other.acquire(['account:0', 'account:2']))).toBe('held');
    expect((await other.inspect('account:0')).status).toBe('free');
    await first.release();
    const second = await other.acquire(['account:0', 'account:2']);
    expect(second.token).toBeGreaterThan(first.token);
  });

  it('a waiter is woken by the release, long before it would ask again', async () => {
    const [one, other] = [alone(), alone()];
    const lease = await one.acquire('queue', { ttlMs: 60_000 });
    const waiting = other.acquire('queue', { waitMs: 50_000 });
    await until(() => other.nodes().length === 1 && one.nodes().length === 1);
    await until(
      async () => (await server.query('select count(*)::int as n from quorlock.waiter'))[0]?.['n'] === 1,
    );
    const releasedAt = performance.now();
    await lease.release();
    await (await waiting).release();
    expect(performance.now() - releasedAt).toBeLessThan(30_000);
  });

  it('a record from before the clock was set back is waited for no longer than it was', async () => {
    await (await alone().acquire('marked')).release();
    await server.query(
      'update quorlock.marker set wrote = wrote + 2400000000, in_force = coalesce(in_force, 0) + 2400000000',
    );
    await (await alone().acquire('marked')).release();
    await until(
      async () =>
        (await server.query(`select bool_and(${MENDED}) as mended from quorlock.marker`))[0]?.['mended'] ===
        true,
    );
  });

  it('what somebody has written into a row stops neither that resource nor the node', async () => {
    const locks = alone();
    const node = postgresNode({ postgres: server.config }, { quarantineMs: 600_000 });
    await trusted(node);
    const spoil = (columns: string): Promise<unknown> =>
      server.query(`update quorlock.lease set ${columns} where resource = 'spoilt'`);
    for (const set of [`-${2n ** 63n}`, `${2n ** 63n - 1n}`]) {
      await (await locks.acquire('spoilt')).release();
      await spoil(`holder = 'somebody', expires = -${2n ** 63n}, set_at = ${set}`);
      await node.memory?.look();
      expect(node.state.status).toBe('ready');
      expect((await locks.inspect('spoilt')).status).toBe('free');
      await (await locks.acquire('spoilt')).release();
    }
    await spoil(`last_success = ${Date.now() + 86_400_000}`);
    expect((await locks.inspect('spoilt')).lastSuccess).toBeUndefined();
    await server.query(`insert into quorlock.note (prefix, resource, rank, note, keep)
      select 'lock:', 'spoilt', n, 'left ' || n, ${2n ** 63n - 1n} from generate_series(1, 3000) n`);
    const notes = await node.history?.('spoilt');
    expect(notes).toHaveLength(1_000);
    expect((notes as string[]).at(-1)).toBe('left 3000');
    await server.query('truncate quorlock.lease, quorlock.note');
    await node.close();
  });

  it('what somebody has written into the marker costs the node its memory, and not its vote for good', async () => {
    const node = postgresNode({ postgres: server.config }, { quarantineMs: 600_000, keyPrefix: 'marked:' });
    await trusted(node);
    const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
    const columns = 'since lifted in_force wrote longest anew born writes seq alone_anew'.split(' ');
    for (const set of [
      ...columns.flatMap((column) => [`${column} = ${least}`, `${column} = ${most}`]),
      ...["mem = 'spoilt'", "id = repeat('x', 1000)", 'in_force = wrote + 3153600000000000'],
    ]) {
      await server.query("update quorlock.marker set wrote = quorlock.now_v1() where prefix = 'marked:'");
      await server.query(`update quorlock.marker set ${set} where prefix = 'marked:'`);
      await node.memory?.look();
      expect([set, node.state.status]).toEqual([set, 'new']);
      await node.memory?.recordLoss();
      expect([set, node.state.status]).toEqual([set, 'untrusted']);
      await node.memory?.trust();
      expect([set, node.state.status]).toEqual([set, 'ready']);
    }
    const ofOneList = `[["list",0,0,[["id","address"]]]]`;
    for (const [cur, hasRecord] of [
      ['list', true],
      ['spoilt', false],
    ] as const) {
      await server.query(
        `update quorlock.marker set record = $1, cur = $2, mem = '1', made_in = '1', made_by = run
          where prefix = 'marked:'`,
        [ofOneList, cur],
      );
      await node.memory?.look();
      expect([cur, node.state.record?.pair !== undefined]).toEqual([cur, hasRecord]);
    }
    await node.close();
  });

  it('a tick is run once, and its end is on record', async () => {
    const [one, other] = [alone(), alone()];
    const tick = Date.now() - 1_000;
    const job = { key: 'nightly', tick };
    expect(await one.runOnce(job, () => 'done')).toMatchObject({ ran: true, value: 'done' });
    expect(await other.runOnce(job, () => 'done')).toMatchObject({ ran: false });
    expect(await other.inspect('nightly')).toMatchObject({ lastRun: { tick, state: 'finished' } });
  });

  it('40 contenders for one resource hold it one after the other', async () => {
    const locks = [alone(), alone()];
    let holders = 0;
    let most = 0;
    const tokens: number[] = [];
    const work = Array.from({ length: 40 }, async (_, n) => {
      await locks[n % 2]!.withLock('shared', { waitMs: 60_000 }, async ({ token }) => {
        most = Math.max(most, ++holders);
        tokens.push(token);
        await new Promise((resolve) => setImmediate(resolve));
        holders--;
      });
    });
    await Promise.all(work);
    expect(most).toBe(1);
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
    expect(new Set(tokens).size).toBe(40);
  });

  it('many leases in random sets of resources are granted without a deadlock', async () => {
    const locks = [alone(), alone(), alone()];
    const names = ['a', 'b', 'c', 'd', 'e'];
    const work = Array.from({ length: 150 }, async (_, n) => {
      const resources = names.filter((_name, at) => ((n * 7 + 3) >> at) % 2 === 1);
      const lease = await locks[n % 3]!.tryAcquire(resources.length === 0 ? ['a'] : resources);
      await lease?.release();
      return lease !== null;
    });
    expect((await Promise.all(work)).filter(Boolean).length).toBeGreaterThan(0);
    const [stats] = await server.query(
      'select deadlocks::int as n from pg_stat_database where datname = $1',
      ['postgres'],
    );
    expect(stats?.['n']).toBe(0);
  });
});

describe('beside Redis nodes', () => {
  it('it is a voter like the others: any one of three may be away', async () => {
    await using redis = await startRedis({ count: 2 });
    await using third = await PostgresServer.start();
    const nodes = [...redis.servers.map(({ options }) => options), { postgres: third.config, migrate: true }];
    const make = (): LockManager => managers.make({ nodes, restartQuarantine: 'auto', maxTtlMs: 60_000 });
    const [one, other] = [make(), make()];
    await Promise.all([one, other].map(allReady));
    const lease = await one.acquire('mixed');
    expect(await outcomeOf(other.acquire('mixed'))).toBe('held');
    await third.end('SIGKILL');
    expect(await outcomeOf(other.acquire('mixed'))).toBe('held');
    await lease.extend();
    await lease.release();
    await third.start();
    await until(() => one.nodes()[2]?.status !== 'unreachable');
    const again = await other.acquire('mixed');
    expect(again.token).toBeGreaterThan(lease.token);
    expect(await outcomeOf(one.acquire('mixed'))).toBe('held');
    await again.release();
  });

  it('the list of nodes is on record in the database as on the others', async () => {
    await using redis = await startRedis({ count: 2 });
    const nodes = [...redis.servers.map(({ options }) => options), { postgres: server.config }];
    const locks = await managers.connected({ nodes, keyPrefix: 'recorded:', restartQuarantine: 'auto' });
    const { members } = { members: locks.membership().nodes };
    expect(members).toHaveLength(3);
    const [marker] = await server.query('select cur from quorlock.marker where prefix = $1', ['recorded:']);
    expect(marker?.['cur']).not.toBe('');
  });

  it('what a database has no characters for fails alone, and the end of a run is on record', async () => {
    await server.query("create database latin encoding 'LATIN1' locale 'C' template template0");
    const postgres = { ...server.config, database: 'latin' };
    const locks = await managers.connected({ nodes: [{ postgres, migrate: true }] });
    const names = ['one', '報告', 'other', 'Jürgen'];
    const outcomes = names.map((name) => outcomeOf(locks.acquire(name).then((lease) => lease.release())));
    expect((await Promise.all(outcomes)).map((outcome) => outcome === 'granted')).toEqual([
      true,
      false,
      true,
      true,
    ]);
    const failing = (): never => {
      throw new Error('報告 '.repeat(100));
    };
    await locks.runOnce({ key: 'run', tick: Date.now() - 1_000 }, failing).catch(() => undefined);
    expect(await locks.history('run')).toMatchObject([
      { outcome: 'failed', error: expect.stringContaining('報告') },
    ]);
  });

  it('which server it is does not depend on the settings of a session', async () => {
    const options = '-c timezone=Asia/Kathmandu -c datestyle=German';
    const [here] = await server.query('select quorlock.run_v1() as run');
    const { rows } = await server.pool({ options }).query('select quorlock.run_v1() as run');
    expect(rows).toEqual([here]);
  });
});

describe("a pool of the user's", () => {
  it('it is used and not ended, and gets all connections back', async () => {
    const pool = server.pool({ max: 3 });
    const locks = managers.make({ nodes: [{ postgres: pool }] });
    await (await locks.acquire('pooled')).release();
    const waiting = await locks.acquire('pooled');
    const other = locks.acquire('pooled', { waitMs: 20_000 });
    await waiting.release();
    await (await other).release();
    await locks.close();
    await until(() => pool.idleCount === pool.totalCount);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('an exhausted pool is an error that says so, and nothing hangs or is acquired', async () => {
    const pool = server.pool({ max: 2 });
    const busy = [await pool.connect(), await pool.connect()];
    const locks = managers.make({ nodes: [{ postgres: pool }] });
    expect(await reasonOf(locks, 'unreachable')).toContain('is the pool exhausted?');
    const error = await locks.acquire('exhausted').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect(String(error)).toContain('is the pool exhausted?');
    for (const client of busy) client.release();
    await until(() => locks.nodes()[0]?.status === 'ready');
    const lease = await locks.acquire('exhausted');
    await lease.release();
  });

  it('what is no pool of pg is told as such', async () => {
    const postgres = { connect: () => Promise.resolve({ raw: () => undefined }) };
    const locks = managers.make({ nodes: [{ postgres: postgres as never }] });
    expect(await reasonOf(locks, 'unreachable')).toBe(
      'its pool is none of pg: what connect() gave is no client',
    );
  });

  it('transactions that are read only are told, and not taken for a standby', async () => {
    const pool = server.pool({ options: '-c default_transaction_read_only=on' });
    const locks = managers.make({ nodes: [{ postgres: pool }] });
    expect(await reasonOf(locks, 'misconfigured')).toContain('default_transaction_read_only is on');
  });

  it('another isolation level than read committed is refused', async () => {
    const pool = server.pool({ options: '-c default_transaction_isolation=serializable' });
    const locks = managers.make({ nodes: [{ postgres: pool }] });
    expect(await reasonOf(locks, 'misconfigured')).toContain('"serializable"');
  });
});

describe('the migration', () => {
  it('it may run again, and several times at once', async () => {
    const text = postgresMigration({ schema: 'again' });
    await Promise.all(Array.from({ length: 4 }, () => server.query(text)));
    await server.query(text);
    expect(await server.query('select version from again.migration')).toEqual([{ version: 1 }]);
  });

  it.each([["it's"], [''], [7]])('%j is no name of a schema', (schema) => {
    expect(() => postgresMigration({ schema: schema as string })).toThrow(/^schema must be a/);
  });

  it('tables that are not complete are told as such', async () => {
    await server.query(postgresMigration({ schema: 'torn' }));
    await server.query('drop function torn.look_v1');
    expect(await reasonOf(alone({ schema: 'torn' }), 'misconfigured')).toContain('"torn" are not complete');
  });

  it('without tables the node says what to do, and votes as soon as they are there', async () => {
    const locks = alone({ schema: 'later' });
    expect(await reasonOf(locks, 'misconfigured')).toMatch(
      /no tables .* in the schema "later": run the SQL of postgresMigration\(\), or set migrate: true/,
    );
    expect(await outcomeOf(locks.acquire('a'))).toBe('unreachable');
    await server.query(postgresMigration({ schema: 'later' }));
    await until(() => locks.nodes()[0]?.status === 'ready');
    expect(await outcomeOf(locks.acquire('a'))).toBe('granted');
    await server.query('alter schema later rename to gone');
    await locks.acquire('b').catch(() => undefined);
    expect(await reasonOf(locks, 'misconfigured')).toContain('no tables');
    expect(locks.health().status).toBe('down');
  });

  it('tables of another version are named', async () => {
    await server.query(
      'create schema old; create table old.migration (version integer); insert into old.migration values (0)',
    );
    const locks = alone({ schema: 'old' });
    await until(() =>
      locks.nodes()[0]?.reason?.includes('are of version 0, and this release needs version 1'),
    );
  });

  it('a role without rights is told so, and may lock with the rights of the docs', async () => {
    await server.query('create role poor login');
    const postgres = { ...server.config, user: 'poor' };
    const locks = managers.make({ nodes: [{ postgres }] });
    expect(await reasonOf(locks, 'misconfigured')).toContain('its role may not create or use the tables');
    expect(await outcomeOf(locks.acquire('a'))).toBe('unreachable');
    await server.query('grant usage on schema quorlock to poor');
    await server.query('grant select, insert, update, delete on all tables in schema quorlock to poor');
    await until(() => locks.nodes()[0]?.status === 'ready');
    expect(await outcomeOf(locks.acquire('rights'))).toBe('granted');
  });

  it('a role that owns the schema makes the tables, and need not be allowed to make a schema', async () => {
    await server.query('create role maker login; create schema made authorization maker');
    const postgres = { ...server.config, user: 'maker' };
    const locks = managers.make({ nodes: [{ postgres, schema: 'made', migrate: true }] });
    expect(await outcomeOf(locks.acquire('a'))).toBe('granted');
  });

  it('a role that may not read the system identifier locks, and is told what goes unnoticed', async () => {
    await using own = await PostgresServer.start();
    await own.query(postgresMigration());
    await own.query('revoke execute on function pg_control_system() from public; create role poor login');
    await own.query('grant usage on schema quorlock to poor');
    await own.query('grant select, insert, update, delete on all tables in schema quorlock to poor');
    const locks = managers.make({ nodes: [{ postgres: { ...own.config, user: 'poor' } }] });
    await (await locks.acquire('a')).release();
    expect(managers.warnings.join('\n')).toContain('its role may not call pg_control_system()');
  });
});

describe('secrets', () => {
  it.each([
    ['a connection string', (port: number) => `postgres://nobody:${SECRET}@127.0.0.1:${port}/postgres`],
    ['options', (port: number) => ({ host: '127.0.0.1', port, user: 'nobody', password: SECRET })],
    ['a pool', (port: number) => new pg.Pool({ host: '127.0.0.1', port, user: 'nobody', password: SECRET })],
  ])('a wrong password in %s is told, and never shown', async (_name, source) => {
    await server.query('create role nobody login').catch(() => undefined);
    const postgres = source(1);
    const locks = managers.make({ nodes: [{ postgres }] });
    const events = record(locks);
    await until(() => locks.nodes()[0]?.status === 'unreachable');
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    const everything = inspect([locks.nodes(), events, error, managers.warnings], { depth: 20 });
    expect(everything).toContain('127.0.0.1:1');
    expect(everything).not.toContain(SECRET);
    if (postgres instanceof pg.Pool) await postgres.end();
  });

  it('a password that the server refuses is told, and never shown', async () => {
    await server.query(`create role guarded login password '${SECRET}'`);
    await server.demandPassword('guarded');
    const access = { host: '127.0.0.1', port: server.port, database: 'postgres', user: 'guarded' };
    const wrong = `${SECRET}-not`;
    const locks = [wrong, undefined, SECRET].map((password) =>
      managers.make({ nodes: [{ postgres: { ...access, password } }] }),
    );
    const events = locks.map(record);
    const [refused, without, right] = locks as [LockManager, LockManager, LockManager];
    expect(await reasonOf(refused, 'misconfigured')).toBe('the server refused the user or its password');
    expect(await reasonOf(without, 'misconfigured')).toContain('the server asks for a password');
    await server.query('grant usage on schema quorlock to guarded');
    await server.query('grant select, insert, update, delete on all tables in schema quorlock to guarded');
    await until(() => right.nodes()[0]?.status === 'ready');
    await (await right.acquire('guarded')).release();
    const error = await refused.acquire('guarded').catch((thrown: unknown) => thrown);
    expect(
      inspect([locks.map((one) => one.nodes()), events, error, managers.warnings], { depth: 20 }),
    ).not.toContain(SECRET);
  });

  it.each<[string, unknown, RegExp]>([
    ['a bare connection string', `postgres://a:${SECRET}@b/c`, /nodes\[0\] is a connection string/],
    ['another scheme', { postgres: `mysql://a:${SECRET}@b/c` }, /must begin with postgres:/],
    ['a broken one', { postgres: `postgres://a:${SECRET}@[b/c` }, /no connection string that can be read/],
    ['a number', { postgres: 7 }, /must be a pool of pg, a connection string or the options/],
    ['a client', { postgres: new pg.Client() }, /is a client: give a pool/],
    ['a schema of bad letters', { postgres: {}, schema: 'a"b' }, /schema must be a name of letters/],
    ['a pool of one', { postgres: new pg.Pool({ max: 1 }) }, /is a pool of 1 connection, and a node needs 2/],
    ['a client of another library', { postgres: new (class Orm {})() }, /is an object of another library/],
    ['an unknown option', { postgres: {}, shema: 'a' }, /has no option "shema"/],
    ['a text for a switch', { postgres: {}, migrate: 'yes' }, /migrate must be true or false, got string/],
  ])('%s is an error that names the option', (_name, node, message) => {
    const make = (): unknown => managers.make({ nodes: [node as never] });
    expect(make).toThrow(message);
    expect(make).not.toThrow(SECRET);
  });
});

describe('what a database may have forgotten', () => {
  let own: PostgresServer;
  beforeAll(async () => {
    own = await PostgresServer.start({ fsync: true });
  });
  afterAll(() => own.stop());

  it('a restart costs no vote, and what was held is held', async () => {
    const locks = managers.make({
      nodes: [{ postgres: own.config, migrate: true }],
      restartQuarantine: 60_000,
    });
    await allReady(locks);
    const events = record(locks);
    const lease = await locks.acquire('kept', { ttlMs: 60_000 });
    await own.end('SIGKILL');
    await until(() => locks.nodes()[0]?.status === 'unreachable');
    await own.start();
    await until(() => locks.nodes()[0]?.status === 'ready');
    expect(await outcomeOf(locks.acquire('kept'))).toBe('held');
    await lease.extend();
    expect(ofType(events, 'node').filter(({ node }) => node.status === 'untrusted')).toEqual([]);
  });

  it('a backup of its folder that was put back costs the vote, if a client knew what it had before', async () => {
    const node = postgresNode({ postgres: own.config, migrate: true }, { quarantineMs: 60_000 });
    await trusted(node);
    await own.end('SIGINT');
    own.backUp();
    await own.start();
    await until(() => node.state.status === 'ready');
    await own.query('create table more as select generate_series(1, 1000)');
    await node.memory?.look();
    await own.end('SIGINT');
    own.restore();
    await own.start();
    await until(() => node.state.status === 'untrusted');
    expect(node.state.reason).toContain('a backup was restored, or a standby was promoted');
    await node.close();
  });

  it('a standby has no vote, and one that was promoted has none until its quarantine is over', async () => {
    await using standby = await PostgresServer.standbyOf(own, { fsync: true });
    const node = postgresNode({ postgres: standby.config }, { quarantineMs: 60_000 });
    await until(() => node.state.status === 'misconfigured');
    expect(node.state.reason).toContain('it is a standby');
    await own.end('SIGKILL');
    await standby.promote();
    await until(() => node.state.status === 'untrusted');
    await node.close();
  });

  it('a dump that was read into another database costs the vote', async () => {
    const node = postgresNode({ postgres: server.config }, { quarantineMs: 60_000, keyPrefix: 'dumped:' });
    await trusted(node);
    await server.query(
      `alter table quorlock.lease rename to lease_then;
       create table quorlock.lease (like quorlock.lease_then including all);
       drop function quorlock.vote_v1(text, bigint, boolean, text, text, jsonb);
       drop table quorlock.lease_then`,
    );
    await server.query(postgresMigration());
    await node.memory?.look();
    await until(() => node.state.status === 'untrusted');
    await node.close();
  });
});

describe('a database that does not answer', () => {
  it('a stopped one costs the caller its node timeout, and what comes late writes nothing', async () => {
    await using own = await PostgresServer.start();
    const locks = managers.make({
      nodes: [{ postgres: own.config, migrate: true }],
      nodeTimeoutMs: 300,
      ttlMs: 900,
    });
    await allReady(locks);
    own.pause();
    expect(await outcomeOf(locks.acquire('ghost'))).toBe('unreachable');
    own.resume();
    await until(async () => (await outcomeOf(locks.acquire('after'))) === 'granted');
    const ghosts = await own.query(
      "select 1 from quorlock.lease where resource = 'ghost' and holder is not null",
    );
    expect(ghosts).toEqual([]);
  });
});
