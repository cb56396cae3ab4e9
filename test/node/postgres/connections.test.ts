import { EventEmitter } from 'node:events';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Connections } from '../../../src/node/postgres/connections.js';
import { VirtualClock } from '../../support/virtual-clock.js';

class Client extends EventEmitter {
  query(): Promise<{ rows: unknown[] }> {
    return Promise.resolve({ rows: [] });
  }

  release(): void {
    this.emit('released');
  }
}

describe('the connections of a PostgreSQL node', () => {
  it('hear the end of a connection that breaks in the moment in which it is made', async () => {
    const client = new Client();
    const source = {
      connect(callback: (error: undefined, client: Client) => void): undefined {
        callback(undefined, client);
        // What the server sent together with its greeting. Without a listener, this throws.
        client.emit('error', new Error('terminating connection'));
      },
    };
    const connections = new Connections(source, new VirtualClock());
    expect(await connections.take()).toBe(client);
  });

  it('tell why a pool has none, also by an error of another context, as under Jest', async () => {
    const gone = runInNewContext("new Error('connect ECONNREFUSED')") as Error;
    const source = {
      connect(callback: (error: Error) => void): undefined {
        callback(gone);
      },
    };
    await expect(new Connections(source, new VirtualClock()).take()).rejects.toBe(gone);
  });

  it.each([
    ['is in the middle of a transaction', 'T', undefined, 'nothing was committed'],
    ['is in a transaction that failed', 'I', '25P02', 'no'],
    ['leads to a standby, or only reads', 'I', '25006', 'no'],
    ['leads to a database without the tables', 'I', '42P01', 'no'],
  ])('do not give a connection back to the pool that %s', async (_, status, code, message) => {
    const client = new Client();
    const released: (boolean | undefined)[] = [];
    const pool = {
      connect: () =>
        Promise.resolve(
          Object.assign(client, {
            getTransactionStatus: () => status,
            release: (destroy?: boolean) => void released.push(destroy),
          }),
        ),
    };
    const connections = new Connections(pool, new VirtualClock());
    const work = (): Promise<unknown> =>
      code === undefined
        ? Promise.resolve()
        : Promise.reject(Object.assign(new Error('no'), { severity: 'ERROR', code }));
    await expect(connections.use(work)).rejects.toThrow(message);
    expect(released).toEqual([true]);
  });

  it('take a pool that gives promises only, and refuse what gives no client', async () => {
    const client = new Client();
    const pools = [client, { raw: () => undefined }].map((given) => ({
      connect: () => Promise.resolve(given),
    }));
    const [right, wrong] = pools.map((source) => new Connections(source, new VirtualClock()));
    expect(await right!.take()).toBe(client);
    await expect(wrong!.take()).rejects.toThrow('its pool is none of pg');
  });
});
