import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { postgresMigration } from '../../src/index.js';
import { allReady, LockManagers } from '../support/lock-managers.js';
import { PostgresServer } from '../support/postgres-server.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
  await server.query(postgresMigration());
});
afterAll(() => server.stop());

/** A session of its own, which ends with the test. */
async function session(more: pg.ClientConfig = {}): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ ...server.config, ...more });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

const look = (prefix: string, command: string, word = ''): string =>
  `select
    quorlock.look_v1('${prefix}', 0, false, 'spare', '', '${command}', '${word}', '') -> 'reply' ->> 2 as id`;

const idIn = ({ rows }: pg.QueryResult<{ id: string }>): string | undefined => rows[0]?.id;

describe('several clients at once', () => {
  it('of two that give a new node its id, one does, and both know it', async () => {
    await using one = await session();
    await using other = await session();
    await one.query(look('twice:', 'look'));
    await one.query('begin');
    const first = idIn(await one.query(look('twice:', 'identify', 'first')));
    const second = other.query<{ id: string }>(look('twice:', 'identify', 'second'));
    await one.query('commit');
    expect([first, idIn(await second)]).toEqual(['first', 'first']);
  });

  it('a dozen processes that start on a new database all lock', async () => {
    await using managers = new LockManagers();
    const all = Array.from({ length: 12 }, () =>
      managers.make({ nodes: [{ postgres: server.config }], keyPrefix: 'dozen:' }),
    );
    await Promise.all(all.map(allReady));
    await Promise.all(all.map((locks) => locks.withLock('one', { waitMs: 60_000 }, () => undefined)));
    expect(managers.warnings.filter((warning) => !warning.includes('fsync is off'))).toEqual([]);
  });
});

describe("beside the database's own work", () => {
  it.each([
    ['by default', '0', '5s'],
    ["as the user's setting says", '7s', '7s'],
  ])('a statement gives up a lock that another transaction keeps, %s', async (_name, setting, limit) => {
    await using client = await session({ options: `-c lock_timeout=${setting}` });
    await client.query('begin');
    await client.query(look('kept:', 'look'));
    expect((await client.query('show lock_timeout')).rows).toEqual([{ lock_timeout: limit }]);
    await client.query('rollback; begin');
    await client.query("select quorlock.vote_v1('kept:', 0, false, '', '', '[]')");
    expect((await client.query('show lock_timeout')).rows).toEqual([{ lock_timeout: limit }]);
    await client.query('rollback');
    expect((await client.query('show lock_timeout')).rows).toEqual([{ lock_timeout: setting }]);
  });

  it('rows that nobody needs are thrown away however many there are, without a wait for those in use', async () => {
    await server.query(look('swept:', 'look'));
    await server.query(`
      insert into quorlock.lease (prefix, resource, keep)
        select 'swept:', 'job:' || n, 1 from generate_series(1, 12000) n;
      insert into quorlock.waiter (prefix, resource, waiter, expires) values ('swept:', 'a', 'w', 1);
      insert into quorlock.note (prefix, resource, rank, note, keep) values ('swept:', 'a', 1, 'n', 1);
      update quorlock.marker set swept = quorlock.now_v1() + 3600000000 where prefix = 'swept:'`);
    await using busy = await session();
    await busy.query('begin');
    for (const [table, which] of [
      ['lease', "resource = 'job:7'"],
      ['waiter', "waiter = 'w'"],
      ['note', "note = 'n'"],
    ])
      await busy.query(`select 1 from quorlock.${table} where ${which} for update`);
    await using client = await session({ options: '-c lock_timeout=1' });
    for (let times = 0; times < 3; times++) await client.query(look('swept:', 'look'));
    const left = "select (select count(*)::int from quorlock.lease where prefix = 'swept:') as leases";
    expect((await client.query(left)).rows).toEqual([{ leases: 1 }]);
    await busy.query('rollback');
  });
});
