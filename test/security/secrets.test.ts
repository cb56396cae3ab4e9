import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { LockManager, type LockManagerOptions, type NodeSource } from '../../src/index.js';
import { QuorlockModule } from '../../src/nestjs/index.js';
import { optionsFromEnvironment } from '../../src/nestjs/environment.js';
import { redactedMessage } from '../../src/node/redis/connection/redis-connection.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { startWith } from '../nestjs/support.js';
import { Witness } from './witness.js';

const USER = 'canary-user';
/** What a url cannot hold as it is. */
const PASSWORD = 'canary:pass@wörd/%41 ?#&"\'';
const login = `${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}`;
const secret = { username: USER, password: PASSWORD };

/** Any part of the user or the password, encoded or not. */
const LEAK = /canary|pass@w|pass%40w|wörd|w%C3%B6rd/i;
const leaksIn = (text: string): string[] => text.split('\n').filter((line) => LEAK.test(line));

let open: RedisServers;
let guarded: RedisServers;
let mute: RedisServers;

beforeAll(async () => {
  [open, guarded, mute] = await Promise.all([
    startRedis({ count: 1, tcp: true }),
    startRedis({ count: 1, tcp: true, args: ['--requirepass', 'another'] }),
    startRedis({
      count: 1,
      tcp: true,
      args: ['--rename-command', 'HELLO', '', '--rename-command', 'AUTH', ''],
    }),
  ]);
  const client = open.servers[0]!.client();
  await client.call('ACL', 'SETUSER', USER, 'on', `>${PASSWORD}`, 'allkeys', '-@all', '+info');
  await client.call('ACL', 'SETUSER', 'default', 'on', 'nopass', '~*', '+@all');
});
afterAll(() => Promise.all([open?.stop(), guarded?.stop(), mute?.stop()]));

const portOf = (servers: RedisServers): number => servers.servers[0]!.port;

/** A server that answers every command with what `answer` makes of all that it was sent. */
async function startTalker(answer: (sent: string) => string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (sent: string) => {
      const commands = sent.match(/\*\d+\r\n/g) ?? [];
      socket.write(answer(sent.replaceAll('\r\n', ' ')).repeat(commands.length));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

const closed = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

async function expectDiscretion(node: NodeSource, expected: RegExp): Promise<void> {
  await using witness = new Witness();
  const locks = witness.make({ nodes: [node] });
  await until(() => !['connecting', 'new'].includes(locks.nodes()[0]!.status), {
    what: 'the node to be known',
  });
  await witness.tryAll(locks);
  const everything = await witness.everything();
  expect(everything).toMatch(expected);
  expect(leaksIn(everything)).toEqual([]);
}

describe('neither the user nor the password is shown by anything', () => {
  it('when the password is refused that a url has', async () => {
    await expectDiscretion(`redis://${login}@127.0.0.1:${portOf(guarded)}`, /WRONGPASS/);
  });

  it('when the password is refused that the options have', async () => {
    await expectDiscretion({ host: '127.0.0.1', port: portOf(guarded), ...secret }, /WRONGPASS/);
  });

  it("when the password is refused that the user's own client has", async () => {
    const client = new Redis({ host: '127.0.0.1', port: portOf(guarded), ...secret, lazyConnect: true });
    await expectDiscretion(client, /WRONGPASS/);
    client.disconnect();
  });

  it('when the user may not do what locks need', async () => {
    await expectDiscretion({ host: '127.0.0.1', port: portOf(open), ...secret }, /NOPERM.*evalsha/);
  });

  it('when a server that knows neither HELLO nor AUTH repeats their arguments', async () => {
    await expectDiscretion(`redis://${login}@127.0.0.1:${portOf(mute)}`, /ERR unknown command 'auth'/);
  });

  it('when a proxy repeats whatever it is sent', async () => {
    const { server, port } = await startTalker((line) => `-ERR bad request: ${line}\r\n`);
    await expectDiscretion({ host: '127.0.0.1', port, password: PASSWORD }, /ERR bad request/);
    await closed(server);
  });

  it('when the sentinels refuse the password, or repeat it', async () => {
    const sentinelSecret = { sentinelUsername: USER, sentinelPassword: PASSWORD };
    const refusing = { sentinels: [{ host: '127.0.0.1', port: portOf(guarded) }], name: 'm' };
    await expectDiscretion({ ...refusing, ...sentinelSecret }, /named a master: WRONGPASS/);
    const { server, port } = await startTalker((line) => `-ERR bad request: ${line}\r\n`);
    const repeating = { sentinels: [{ host: '127.0.0.1', port }], name: 'm' };
    await expectDiscretion({ ...repeating, sentinelPassword: PASSWORD }, /named a master: ERR bad request/);
    const client = new Redis({ ...repeating, sentinelPassword: PASSWORD, lazyConnect: true });
    await expectDiscretion(client, /named a master: ERR bad request/);
    client.disconnect();
    await closed(server);
  });

  it('when a server of a Cluster refuses the password, or repeats it', async () => {
    const at = (port: number) => ({ cluster: [{ host: '127.0.0.1', port }], ...secret });
    await expectDiscretion(at(portOf(guarded)), /WRONGPASS/);
    await expectDiscretion(
      { cluster: [`redis://${login}@127.0.0.1:${portOf(guarded)}`, 'redis://127.0.0.1:1'] },
      /WRONGPASS|ECONNREFUSED/,
    );
    const { server, port } = await startTalker((line) => `-ERR bad request: ${line}\r\n`);
    await expectDiscretion({ cluster: [{ host: '127.0.0.1', port }], password: PASSWORD }, /ERR bad request/);
    const redisOptions = { password: PASSWORD };
    const client = new Cluster([{ host: '127.0.0.1', port }], { redisOptions, lazyConnect: true });
    await expectDiscretion(client, /ERR bad request/);
    client.disconnect();
    await closed(server);
  });

  it('when the server names the user, as Redis 7.2 does', async () => {
    const { server, port } = await startTalker(
      () => `-NOPERM User ${USER} has no permissions to run the 'evalsha' command\r\n`,
    );
    await expectDiscretion(
      { host: '127.0.0.1', port, ...secret },
      /this user has no permissions to run the 'evalsha' command/,
    );
    await closed(server);
  });

  it('when nobody listens', async () => {
    const { server, port } = await startTalker(String);
    await closed(server);
    await expectDiscretion(`redis://${login}@127.0.0.1:${port}`, /ECONNREFUSED/);
  });

  it('when the host does not exist', async () => {
    await expectDiscretion(`redis://${login}@no-such-host.invalid:6379`, /no-such-host\.invalid/);
  });

  it('when the server speaks another protocol', async () => {
    const { server, port } = await startTalker((line) => `HTTP/1.1 400 Bad Request\r\n\r\n${line}`);
    await expectDiscretion(`redis://${login}@127.0.0.1:${port}`, /Protocol error|unreachable/);
    await closed(server);
  });

  it('when a node is refused because it is there twice, or is a replica', async () => {
    const [server] = guarded.servers;
    const admin = server!.client();
    await admin.call('ACL', 'SETUSER', USER, 'on', `>${PASSWORD}`, 'allkeys', '+@all');
    await using witness = new Witness();
    const locks = witness.make({
      nodes: ['127.0.0.1', 'localhost'].map((host) => `redis://${login}@${host}:${server!.port}`),
    });
    await until(() => locks.nodes().some(({ status }) => status === 'misconfigured'));
    await witness.tryAll(locks);
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    const replica = witness.make({ nodes: [`redis://${login}@127.0.0.1:${server!.port}`] });
    await until(() => replica.nodes()[0]!.status === 'misconfigured');
    await witness.tryAll(replica);
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await admin.call('ACL', 'DELUSER', USER);
    const everything = await witness.everything();
    expect(everything).toMatch(/is the same server as/);
    expect(everything).toMatch(/read-only replica/);
    expect(leaksIn(everything)).toEqual([]);
  });

  it('when all is well', async () => {
    const [server] = guarded.servers;
    const admin = server!.client();
    await admin.call('ACL', 'SETUSER', USER, 'on', `>${PASSWORD}`, 'allkeys', '+@all');
    await expectDiscretion(
      `redis://${login}@127.0.0.1:${server!.port}`,
      /quorlock_acquired_total\{[^}]*\} [1-9]/,
    );
    await expectDiscretion({ host: '127.0.0.1', port: server!.port, ...secret, name: 'n1' }, /released/);
    await admin.call('ACL', 'DELUSER', USER);
  });

  it('by the log of a Nest application whose jobs cannot be locked', async () => {
    await using witness = new Witness();
    const nodes = [`redis://${login}@127.0.0.1:${portOf(guarded)}`];
    const warn = (message: string): void => witness.note(message);
    const { app, log } = await startWith({ imports: [QuorlockModule.forRoot({ nodes, warn })] });
    await witness.tryAll(app.get(LockManager));
    await app.close();
    witness.note(log.lines);
    const everything = await witness.everything();
    expect(everything).toMatch(/WRONGPASS/);
    expect(leaksIn(everything)).toEqual([]);
  });
});

const lazy = (options: object): Redis => new Redis({ ...options, lazyConnect: true });

describe('a mistake in the options is named without what is secret in it', () => {
  const at = `127.0.0.1:6379`;
  it.each<[string, unknown, RegExp]>([
    ['a wrong scheme', { nodes: [`http://${login}@${at}`] }, /nodes\[0\].*scheme.*http:/],
    ['no scheme', { nodes: [`${login}@${at}`] }, /nodes\[0\] is no url/],
    ['a scheme without slashes', { nodes: [`canary-user:6379`] }, /nodes\[0\] is no url/],
    ['no host', { nodes: [`redis://${login}@`] }, /nodes\[0\]/],
    ['a bad port', { nodes: [`redis://${login}@127.0.0.1:canary`] }, /nodes\[0\] is no url/],
    ['a path that is no database', { nodes: [`redis://${login}@${at}/canary`] }, /nodes\[0\].*database/],
    ['a bare % in the password', { nodes: [`redis://:canary%@${at}`] }, /nodes\[0\].*%25/],
    ['a bare @ and / in the password', { nodes: [`redis://:can/ary@x@${at}`] }, /nodes\[0\]/],
    ['a bare # in the password', { nodes: [`redis://canary:123#x@${at}`] }, /nodes\[0\].*%23/],
    ['a bare ? in the password', { nodes: [`redis://canary:123?x@${at}`] }, /nodes\[0\].*%3F/],
    ['options in a query', { nodes: [`redis://${at}?password=canary`] }, /nodes\[0\].*no \?/],
    ['a url as the host', { nodes: [{ host: `redis://${login}@127.0.0.1` }] }, /nodes\[0\]: host/],
    ['user and host as the host', { nodes: [{ host: `${USER}@127.0.0.1` }] }, /nodes\[0\]: host/],
    ['a url as the path', { nodes: [{ path: `redis://${login}@127.0.0.1` }] }, /nodes\[0\]: path/],
    ['a url as the name', { nodes: [{ name: `redis://${login}@127.0.0.1` }] }, /nodes\[0\]: name/],
    ['a client with a url as its host', { nodes: [lazy({ host: `redis://${login}@127.0.0.1` })] }, /host/],
    ['a url instead of a list', { nodes: `redis://${login}@${at}` }, /nodes must be a list/],
    ['a url instead of options', `redis://${login}@${at}`, /takes an object of options/],
    ['a list instead of options', [`redis://${login}@${at}`], /takes an object of options/],
    ['a list in a list', { nodes: [[`redis://${login}@${at}`]] }, /nodes\[0\]/],
    ['a bad database', { nodes: [{ db: -1, ...secret }] }, /nodes\[0\]: db/],
    ['a bad port in options', { nodes: [{ port: 0, ...secret }] }, /nodes\[0\]: port/],
    ['the same server twice', { nodes: [`redis://${login}@${at}`, `redis://${at}`] }, /same server/],
    [
      'sentinels',
      { nodes: [{ sentinels: [{ host: 'a' }], sentinelPassword: PASSWORD, ...secret }] },
      /name must be the group/,
    ],
  ])('%s', async (_name, options, expected) => {
    await using witness = new Witness();
    expect(() => {
      try {
        witness.make(options as LockManagerOptions);
      } catch (error) {
        witness.note(error);
        throw error;
      }
    }).toThrow(expected);
    expect(leaksIn(await witness.everything())).toEqual([]);
  });

  it('a url where the environment should have a host', () => {
    const { options } = optionsFromEnvironment({
      REDIS_ENABLED: 'true',
      REDIS_HOST: `redis://${login}@127.0.0.1`,
    });
    expect(() => new LockManager(options)).toThrow(
      'nodes[0]: host must be a name or an IP address, without scheme, user and port',
    );
  });
});

describe("a server's message", () => {
  it.each([
    [
      'hunter22',
      "ERR unknown command 'x', with args beginning with: 'hunter22' 'y'",
      "ERR unknown command 'x'",
    ],
    [
      'hunter22',
      'ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, ',
      'ERR unknown command `HELLO`',
    ],
    ['hunter22', 'bad AUTH hunter22', 'bad AUTH ***'],
    ['$& $1 .*', 'bad AUTH $& $1 .*', 'bad AUTH ***'],
    ['a b', 'cannot do', 'cannot do'],
    ['p q/r', 'GET /?p+q%2Fr', 'GET /?***'],
    [undefined, 'WRONGPASS invalid', 'WRONGPASS invalid'],
  ])('with the password %j: %j is told as %j', (password, message, told) => {
    expect(redactedMessage(message, password)).toBe(told);
  });
});
