import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { QuorumUnreachableError, type NodeSource } from '../../src/index.js';
import { CertificateAuthority, type Certificate } from '../support/certificates.js';
import { startChild } from '../support/child.js';
import { allReady, LockManagers } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { startTls, type TlsServer } from '../support/tls-servers.js';

const HERE = 'DNS:localhost,IP:127.0.0.1';
const PASSWORD = 'a-password/with@and%';

let directory: string;
let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let client: Certificate;
let good: TlsServer;
let elsewhere: TlsServer;
let expired: TlsServer;
let mutual: TlsServer;
let plain: RedisServers;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quorlock-tls-'));
  authority = await CertificateAuthority.make(join(directory, 'own'));
  stranger = await CertificateAuthority.make(join(directory, 'stranger'));
  client = await authority.sign({ names: 'DNS:client' });
  const start = async (names: string, more: { expired?: boolean; clients?: boolean } = {}) =>
    startTls({
      certificate: await authority.sign({ names, expired: more.expired ?? false }),
      authority: authority.own,
      clients: more.clients ?? false,
      args: ['--requirepass', PASSWORD],
    });
  [good, elsewhere, expired, mutual, plain] = await Promise.all([
    start(HERE),
    start('DNS:elsewhere.example'),
    start(HERE, { expired: true }),
    start(HERE, { clients: true }),
    startRedis({ count: 1, tcp: true }),
  ]);
});

afterAll(async () => {
  await Promise.all([good, elsewhere, expired, mutual].map((server) => server?.redis.stop()));
  await plain?.stop();
  await rm(directory, { recursive: true, force: true });
});

const at = ({ tlsPort }: TlsServer, tls?: object, host = '127.0.0.1') => ({
  host,
  port: tlsPort,
  password: PASSWORD,
  ...(tls === undefined ? {} : { tls }),
});
const trusting = () => ({ ca: authority.own.cert });

/** Goes through all that a lease has. */
async function expectLocks(...nodes: NodeSource[]): Promise<void> {
  await using managers = new LockManagers();
  const locks = await managers.connected({ nodes });
  const other = await managers.connected({ nodes });
  const lease = await locks.acquire('job');
  expect(await other.tryAcquire('job')).toBeNull();
  await lease.extend();
  expect((await other.inspect('job')).status).toBe('held');
  await lease.release();
  await (await other.acquire('job')).release();
  expect(managers.warnings.filter((warning) => !warning.includes('even number'))).toEqual([]);
}

/** An acquisition ends from the start; once the node is known it and the state of the node say which node and why. */
async function expectRefusal(node: NodeSource, name: string, why: RegExp): Promise<void> {
  await using managers = new LockManagers();
  const locks = managers.make({ nodes: [node] });
  const acquire = () => locks.acquire('job').catch((error: unknown) => error as Error);
  expect(await acquire()).toBeInstanceOf(QuorumUnreachableError);
  await until(() => locks.nodes()[0]!.status !== 'connecting');
  const error = await acquire();
  expect(error).toBeInstanceOf(QuorumUnreachableError);
  expect((error as Error).message).toContain(`${name}: unreachable`);
  expect((error as Error).message).toMatch(why);
  expect(locks.nodes()).toEqual([
    { name, status: expect.stringMatching(/^(unreachable|refused)$/), reason: expect.stringMatching(why) },
  ]);
}

const named = ({ tlsPort }: TlsServer, host = '127.0.0.1'): string => `${host}:${tlsPort}`;

describe('TLS works', () => {
  it('with the authority in the options, by address and by name', async () => {
    await expectLocks(at(good, trusting()));
    await expectLocks(at(good, trusting(), 'localhost'));
  });

  it('with a certificate of the client, where the server wants one', async () => {
    await expectLocks(at(mutual, { ...trusting(), cert: client.cert, key: client.key }));
  });

  it("with the user's own client, whose TLS options are taken over", async () => {
    const redis = new Redis({ ...at(good, trusting()), lazyConnect: true });
    await expectLocks(redis);
    redis.disconnect();
  });

  it('with a name to be checked that is not the host, as behind a tunnel', async () => {
    await expectLocks(at(elsewhere, { ...trusting(), servername: 'elsewhere.example' }));
  });

  it('with a rediss url, whose authority Node trusts', async () => {
    const url = `rediss://:${encodeURIComponent(PASSWORD)}@${named(good)}`;
    const env = { NODE_EXTRA_CA_CERTS: authority.own.certFile };
    const child = startChild<string>(new URL('./tls-worker.ts', import.meta.url), { args: [url], env });
    expect(await child.message()).toBe('acquired');
    await child.exit;
  });

  it('on a node that has lost its connection, again after that', async () => {
    await using managers = new LockManagers();
    const locks = await managers.connected({ nodes: [at(good, trusting())] });
    await good.redis.servers[0]!.client().call('CLIENT', 'KILL', 'TYPE', 'normal');
    await allReady(locks);
    await (await locks.acquire('job', { retries: 100 })).release();
  });
});

describe('TLS that does not work ends as unreachable, naming the node and the reason', () => {
  it('an authority that nobody has vouched for', async () => {
    const url = `rediss://:${encodeURIComponent(PASSWORD)}@${named(good)}`;
    await expectRefusal(url, named(good), /self-signed certificate in certificate chain/);
  });

  it('another authority', async () => {
    const tls = { ca: stranger.own.cert };
    await expectRefusal(at(good, tls), named(good), /self-signed certificate|unable to verify|signature/);
  });

  it('a certificate of another host', async () => {
    await expectRefusal(at(elsewhere, trusting()), named(elsewhere), /does not match certificate's altnames/);
  });

  it('an expired certificate', async () => {
    await expectRefusal(at(expired, trusting()), named(expired), /certificate has expired/);
  });

  it('a client without TLS', async () => {
    await expectRefusal(at(good), named(good), /; if it expects TLS, write rediss:/);
  });

  it('a server without TLS', async () => {
    const { port } = plain.servers[0]!;
    const node = { host: '127.0.0.1', port, tls: trusting(), connectTimeout: 300 };
    await expectRefusal(node, `127.0.0.1:${port}`, /; if it does not speak TLS, write redis:/);
  });

  it('no certificate of the client, where the server wants one', async () => {
    await expectRefusal(at(mutual, trusting()), named(mutual), /; it may want a certificate of the client/);
  });

  it("a client's certificate of another authority", async () => {
    const { cert, key } = await stranger.sign({ names: 'DNS:client' });
    await expectRefusal(
      at(mutual, { ...trusting(), cert, key }),
      named(mutual),
      /; it may want a certificate of the client|alert/,
    );
  });

  it('a wrong password and none', async () => {
    const { password, ...without } = at(good, trusting());
    await expectRefusal(
      { ...without, password: `${password}x` },
      named(good),
      /refused the user or password/,
    );
    await expectRefusal(without, named(good), /refused the user or password/);
  });

  it('and a minority of such nodes harms nobody', async () => {
    await using managers = new LockManagers();
    await using sound = await startRedis({ count: 2 });
    const locks = managers.make({
      nodes: [at(good), ...sound.servers.map((server) => server.options)],
      restartQuarantine: 'off',
    });
    await (await locks.acquire('job')).release();
  });
});
