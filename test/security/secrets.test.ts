import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { LockManager, memoryNode, type LockManagerOptions, type NodeSource } from '../../src/index.js';
import { DistributedLock, QuorlockModule } from '../../src/nestjs/index.js';
import { optionsFromEnvironment } from '../../src/nestjs/environment.js';
import { redactedMessage } from '../../src/node/redis/connection/redaction.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { startWith } from '../nestjs/support.js';
import { OutputRecorder } from './output-recorder.js';

const USER = 'canary-user';
/** It has characters that a URL must encode. */
const PASSWORD = 'canary:pass@wörd/%41 ?#&"\'';
const login = `${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}`;
const secret = { username: USER, password: PASSWORD };

/** Matches any part of the user or the password, encoded or not. */
const LEAK = /canary|pass@w|pass%40w|wörd|w%C3%B6rd/i;
const leaksIn = (text: string): string[] => text.split('\n').filter((line) => LEAK.test(line));

let open: RedisServers;
let guarded: RedisServers;
let withoutAuth: RedisServers;

beforeAll(async () => {
  [open, guarded, withoutAuth] = await Promise.all([
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
afterAll(() => Promise.all([open?.stop(), guarded?.stop(), withoutAuth?.stop()]));

const portOf = (servers: RedisServers): number => servers.servers[0]!.port;

/**
 * A server that replies to every command with `answer(sent)`, where `sent` is everything that it received.
 */
async function startFakeServer(answer: (sent: string) => string): Promise<{ server: Server; port: number }> {
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

async function expectRedaction(node: NodeSource, expected: RegExp): Promise<void> {
  await using recorder = new OutputRecorder();
  const locks = recorder.make({ nodes: [node] });
  await until(() => !['connecting', 'new'].includes(locks.nodes()[0]!.status), {
    what: 'the node to be known',
  });
  await recorder.tryAll(locks);
  const everything = await recorder.everything();
  expect(everything).toMatch(expected);
  expect(leaksIn(everything)).toEqual([]);
}

describe('the user and the password are never shown', () => {
  it('the user and the password stay hidden if the server rejects those of a URL', async () => {
    await expectRedaction(`redis://${login}@127.0.0.1:${portOf(guarded)}`, /WRONGPASS/);
  });

  it('the user and the password stay hidden if the server rejects those of the options', async () => {
    await expectRedaction({ host: '127.0.0.1', port: portOf(guarded), ...secret }, /WRONGPASS/);
  });

  it('the user and the password stay hidden if the server rejects those of a given client', async () => {
    const client = new Redis({ host: '127.0.0.1', port: portOf(guarded), ...secret, lazyConnect: true });
    await expectRedaction(client, /WRONGPASS/);
    client.disconnect();
  });

  it('the user and the password stay hidden if functions return them', async () => {
    const functions = { username: async () => USER, password: () => PASSWORD };
    await expectRedaction({ host: '127.0.0.1', port: portOf(guarded), ...functions }, /WRONGPASS/);
    const { server, port } = await startFakeServer((line) => `-ERR bad request: ${line}\r\n`);
    await expectRedaction({ host: '127.0.0.1', port, password: () => PASSWORD }, /ERR bad request/);
    await closed(server);
  });

  it('the user and the password stay hidden if the user lacks the rights that locks need', async () => {
    await expectRedaction({ host: '127.0.0.1', port: portOf(open), ...secret }, /NOPERM.*evalsha/);
  });

  it('the user and the password stay hidden if a server without HELLO and AUTH repeats them', async () => {
    await expectRedaction(`redis://${login}@127.0.0.1:${portOf(withoutAuth)}`, /ERR unknown command 'auth'/);
  });

  it('the password stays hidden if a proxy repeats what it receives', async () => {
    const { server, port } = await startFakeServer((line) => `-ERR bad request: ${line}\r\n`);
    await expectRedaction({ host: '127.0.0.1', port, password: PASSWORD }, /ERR bad request/);
    await closed(server);
  });

  it('the user and the password stay hidden if sentinels reject or repeat them', async () => {
    const sentinelSecret = { sentinelUsername: USER, sentinelPassword: PASSWORD };
    const refusing = { sentinels: [{ host: '127.0.0.1', port: portOf(guarded) }], name: 'm' };
    await expectRedaction({ ...refusing, ...sentinelSecret }, /named a master: WRONGPASS/);
    const { server, port } = await startFakeServer((line) => `-ERR bad request: ${line}\r\n`);
    const repeating = { sentinels: [{ host: '127.0.0.1', port }], name: 'm' };
    await expectRedaction({ ...repeating, sentinelPassword: PASSWORD }, /named a master: ERR bad request/);
    const client = new Redis({ ...repeating, sentinelPassword: PASSWORD, lazyConnect: true });
    await expectRedaction(client, /named a master: ERR bad request/);
    client.disconnect();
    await closed(server);
  });

  it('the user and the password stay hidden if a Cluster server rejects or repeats them', async () => {
    const at = (port: number) => ({ cluster: [{ host: '127.0.0.1', port }], ...secret });
    await expectRedaction(at(portOf(guarded)), /WRONGPASS/);
    await expectRedaction(
      { cluster: [`redis://${login}@127.0.0.1:${portOf(guarded)}`, 'redis://127.0.0.1:1'] },
      /WRONGPASS|ECONNREFUSED/,
    );
    const { server, port } = await startFakeServer((line) => `-ERR bad request: ${line}\r\n`);
    await expectRedaction({ cluster: [{ host: '127.0.0.1', port }], password: PASSWORD }, /ERR bad request/);
    const redisOptions = { password: PASSWORD };
    const client = new Cluster([{ host: '127.0.0.1', port }], { redisOptions, lazyConnect: true });
    await expectRedaction(client, /ERR bad request/);
    client.disconnect();
    await closed(server);
  });

  it('the user and the password stay hidden if the server names the user, as Redis 7.2 does', async () => {
    const { server, port } = await startFakeServer(
      () => `-NOPERM User ${USER} has no permissions to run the 'evalsha' command\r\n`,
    );
    await expectRedaction(
      { host: '127.0.0.1', port, ...secret },
      /this user has no permissions to run the 'evalsha' command/,
    );
    await closed(server);
  });

  it('the user and the password stay hidden if nothing listens on the port', async () => {
    const { server, port } = await startFakeServer(String);
    await closed(server);
    await expectRedaction(`redis://${login}@127.0.0.1:${port}`, /ECONNREFUSED/);
  });

  it('the user and the password stay hidden if the host does not exist', async () => {
    await expectRedaction(`redis://${login}@no-such-host.invalid:6379`, /no-such-host\.invalid/);
  });

  it('the user and the password stay hidden if the server speaks another protocol', async () => {
    const { server, port } = await startFakeServer((line) => `HTTP/1.1 400 Bad Request\r\n\r\n${line}`);
    await expectRedaction(`redis://${login}@127.0.0.1:${port}`, /Protocol error|unreachable/);
    await closed(server);
  });

  it('the user and the password stay hidden if a node is a duplicate or a replica', async () => {
    const [server] = guarded.servers;
    const admin = server!.client();
    await admin.call('ACL', 'SETUSER', USER, 'on', `>${PASSWORD}`, 'allkeys', '+@all');
    await using recorder = new OutputRecorder();
    const locks = recorder.make({
      nodes: ['127.0.0.1', 'localhost'].map((host) => `redis://${login}@${host}:${server!.port}`),
    });
    await until(() => locks.nodes().some(({ status }) => status === 'misconfigured'));
    await recorder.tryAll(locks);
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    const replica = recorder.make({ nodes: [`redis://${login}@127.0.0.1:${server!.port}`] });
    await until(() => replica.nodes()[0]!.status === 'misconfigured');
    await recorder.tryAll(replica);
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await admin.call('ACL', 'DELUSER', USER);
    const everything = await recorder.everything();
    expect(everything).toMatch(/is the same server as/);
    expect(everything).toMatch(/read-only replica/);
    expect(leaksIn(everything)).toEqual([]);
  });

  it('the user and the password stay hidden when everything works', async () => {
    const [server] = guarded.servers;
    const admin = server!.client();
    await admin.call('ACL', 'SETUSER', USER, 'on', `>${PASSWORD}`, 'allkeys', '+@all');
    await expectRedaction(
      `redis://${login}@127.0.0.1:${server!.port}`,
      /quorlock_acquired_total\{[^}]*\} [1-9]/,
    );
    await expectRedaction({ host: '127.0.0.1', port: server!.port, ...secret, name: 'n1' }, /released/);
    await admin.call('ACL', 'DELUSER', USER);
  });

  it('the user and the password stay hidden in the log of a Nest application that cannot lock', async () => {
    await using recorder = new OutputRecorder();
    const nodes = [`redis://${login}@127.0.0.1:${portOf(guarded)}`];
    const warn = (message: string): void => recorder.note(message);
    const { app, log } = await startWith({ imports: [QuorlockModule.forRoot({ nodes, warn })] });
    await recorder.tryAll(app.get(LockManager));
    await app.close();
    recorder.note(log.lines);
    const everything = await recorder.everything();
    expect(everything).toMatch(/WRONGPASS/);
    expect(leaksIn(everything)).toEqual([]);
  });
});

const run = async (): Promise<void> => {};
const lazy = (options: object): Redis => new Redis({ ...options, lazyConnect: true });

describe('errors about wrong options hide secrets', () => {
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
    ['a URL as the host', { nodes: [{ host: `redis://${login}@127.0.0.1` }] }, /nodes\[0\]: host/],
    ['user and host as the host', { nodes: [{ host: `${USER}@127.0.0.1` }] }, /nodes\[0\]: host/],
    ['a URL as the path', { nodes: [{ path: `redis://${login}@127.0.0.1` }] }, /nodes\[0\]: path/],
    ['a URL as the name', { nodes: [{ name: `redis://${login}@127.0.0.1` }] }, /nodes\[0\]: name/],
    ['a client with a URL as its host', { nodes: [lazy({ host: `redis://${login}@127.0.0.1` })] }, /host/],
    ['a URL instead of a list', { nodes: `redis://${login}@${at}` }, /nodes must be a list/],
    ['a URL instead of options', `redis://${login}@${at}`, /takes an object of options/],
    ['a list instead of options', [`redis://${login}@${at}`], /takes an object of options/],
    ['a list in a list', { nodes: [[`redis://${login}@${at}`]] }, /nodes\[0\]/],
    ['a bad database', { nodes: [{ db: -1, ...secret }] }, /nodes\[0\]: db/],
    ['a bad port in options', { nodes: [{ port: 0, ...secret }] }, /nodes\[0\]: port/],
    [
      'a URL as the fallback',
      { nodes: [memoryNode()], fallback: `postgres://${login}@h/a` },
      /fallback must/,
    ],
    [
      'a long URL as the fallback',
      { nodes: [memoryNode()], fallback: `postgres://a:${'canary'.repeat(30)}@h/a` },
      /fallback must/,
    ],
    ['a URL as a time', { nodes: [memoryNode()], ttlMs: `redis://${login}@${at}` }, /ttlMs must/],
    [
      'a URL in an object',
      { nodes: [memoryNode()], ttlMs: { url: `redis://:${'canary'.repeat(30)}@${at}` } },
      /ttlMs must/,
    ],
    ['a URL as the holder', { nodes: [memoryNode()], holder: `redis://${USER}:x@${at}` }, /holder must not/],
    ['a URL as the port', { nodes: [{ port: `redis://${login}@${at}` }] }, /port must .* of type string/],
    ['a URL as the database', { nodes: [{ db: `redis://${login}@${at}` }] }, /db must .* of type string/],
    [
      'a URL as the name of a database',
      { nodes: [{ postgres: `postgres://${login}@h/a`, name: `postgres://${login}@h/a` }] },
      /nodes\[0\]\.name must not be a url/,
    ],
    ['the same server twice', { nodes: [`redis://${login}@${at}`, `redis://${at}`] }, /same server/],
    [
      'sentinels',
      { nodes: [{ sentinels: [{ host: 'a' }], sentinelPassword: PASSWORD, ...secret }] },
      /name must be the group/,
    ],
  ])('an error about %s hides secrets', async (_name, options, expected) => {
    await using recorder = new OutputRecorder();
    expect(() => {
      try {
        recorder.make(options as LockManagerOptions);
      } catch (error) {
        recorder.note(error);
        throw error;
      }
    }).toThrow(expected);
    expect(leaksIn(await recorder.everything())).toEqual([]);
  });

  it('an error about a URL as an option of a decorator hides secrets', () => {
    for (const ttl of [`redis://${login}@${at}`, `redis://:${'canary'.repeat(30)}@${at}`]) {
      const make = (): unknown => DistributedLock({ key: 'a', ttl: ttl as `1s` })({}, 'run', { value: run });
      expect(make).toThrow(/ttl must be .*got .redis:\/\/\*\*\*@/);
      expect(make).not.toThrow(LEAK);
    }
  });

  it('an error about a URL as the host in the environment hides secrets', () => {
    const host = `redis://${login}@127.0.0.1`;
    const make = (): unknown => optionsFromEnvironment({ REDIS_ENABLED: 'true', REDIS_HOST: host });
    expect(make).toThrow('REDIS_HOST must be a name or an IP address, without scheme, user and port');
    expect(make).not.toThrow(LEAK);
    expect(() => new LockManager({ nodes: [{ host }] })).toThrow(
      'nodes[0]: host must be a name or an IP address, without scheme, user and port',
    );
  });
});

describe('messages of a server', () => {
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
  ])('with the password %j the message %j becomes %j', (password, message, redacted) => {
    expect(redactedMessage(message, password)).toBe(redacted);
  });
});
