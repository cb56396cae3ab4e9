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

const LOCAL_NAMES = 'DNS:localhost,IP:127.0.0.1';
const PASSWORD = 'a-password/with@and%';

let directory: string;
let authority: CertificateAuthority;
let otherAuthority: CertificateAuthority;
let client: Certificate;
let working: TlsServer;
let elsewhere: TlsServer;
let expired: TlsServer;
let mutual: TlsServer;
let plain: RedisServers;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quorlock-tls-'));
  authority = await CertificateAuthority.make(join(directory, 'own'));
  otherAuthority = await CertificateAuthority.make(join(directory, 'stranger'));
  client = await authority.sign({ names: 'DNS:client' });
  const start = async (names: string, more: { expired?: boolean; clients?: boolean } = {}) =>
    startTls({
      certificate: await authority.sign({ names, expired: more.expired ?? false }),
      authority: authority.own,
      clients: more.clients ?? false,
      args: ['--requirepass', PASSWORD],
    });
  [working, elsewhere, expired, mutual, plain] = await Promise.all([
    start(LOCAL_NAMES),
    start('DNS:elsewhere.example'),
    start(LOCAL_NAMES, { expired: true }),
    start(LOCAL_NAMES, { clients: true }),
    startRedis({ count: 1, tcp: true }),
  ]);
});

afterAll(async () => {
  await Promise.all([working, elsewhere, expired, mutual].map((server) => server?.redis.stop()));
  await plain?.stop();
  await rm(directory, { recursive: true, force: true });
});

const at = ({ tlsPort }: TlsServer, tls?: object, host = '127.0.0.1') => ({
  host,
  port: tlsPort,
  password: PASSWORD,
  ...(tls === undefined ? {} : { tls }),
});
const trustOptions = () => ({ ca: authority.own.cert });

/** Uses every operation of a lease. */
async function expectLocking(...nodes: NodeSource[]): Promise<void> {
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

/**
 * An acquire fails from the start. Once the state of the node is known, the error and the state name the node
 * and the reason.
 */
async function expectUnreachable(node: NodeSource, name: string, why: RegExp): Promise<void> {
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
    {
      name,
      status: expect.stringMatching(/^(unreachable|misconfigured)$/),
      reason: expect.stringMatching(why),
    },
  ]);
}

const nameOf = ({ tlsPort }: TlsServer, host = '127.0.0.1'): string => `${host}:${tlsPort}`;

describe('TLS works', () => {
  it('TLS works with the authority in the options, by address and by name', async () => {
    await expectLocking(at(working, trustOptions()));
    await expectLocking(at(working, trustOptions(), 'localhost'));
  });

  it('TLS works with a client certificate if the server requires one', async () => {
    await expectLocking(at(mutual, { ...trustOptions(), cert: client.cert, key: client.key }));
  });

  it("TLS works with the options of the user's own client", async () => {
    const redis = new Redis({ ...at(working, trustOptions()), lazyConnect: true });
    await expectLocking(redis);
    redis.disconnect();
  });

  it('TLS works with a server name that differs from the host, as behind a tunnel', async () => {
    await expectLocking(at(elsewhere, { ...trustOptions(), servername: 'elsewhere.example' }));
  });

  it('TLS works with a rediss URL if Node trusts the authority', async () => {
    const url = `rediss://:${encodeURIComponent(PASSWORD)}@${nameOf(working)}`;
    const env = { NODE_EXTRA_CA_CERTS: authority.own.certFile };
    const child = startChild<string>(new URL('./tls-worker.ts', import.meta.url), { args: [url], env });
    expect(await child.message()).toBe('acquired');
    await child.exit;
  });

  it('TLS works again on a node that lost its connection', async () => {
    await using managers = new LockManagers();
    const locks = await managers.connected({ nodes: [at(working, trustOptions())] });
    await working.redis.servers[0]!.client().call('CLIENT', 'KILL', 'TYPE', 'normal');
    await allReady(locks);
    await (await locks.acquire('job', { retries: 100 })).release();
  });
});

describe('a node with a TLS error is unreachable', () => {
  it('an error names the node and the unknown authority of its certificate', async () => {
    const url = `rediss://:${encodeURIComponent(PASSWORD)}@${nameOf(working)}`;
    await expectUnreachable(url, nameOf(working), /self-signed certificate in certificate chain/);
  });

  it('an error names the node if another authority signed its certificate', async () => {
    const tls = { ca: otherAuthority.own.cert };
    await expectUnreachable(
      at(working, tls),
      nameOf(working),
      /self-signed certificate|unable to verify|signature/,
    );
  });

  it('an error names the node if its certificate is for another host', async () => {
    await expectUnreachable(
      at(elsewhere, trustOptions()),
      nameOf(elsewhere),
      /does not match certificate's altnames/,
    );
  });

  it('an error names the node if its certificate has expired', async () => {
    await expectUnreachable(at(expired, trustOptions()), nameOf(expired), /certificate has expired/);
  });

  it('an error names the node and hints at rediss: if the client has no TLS', async () => {
    await expectUnreachable(at(working), nameOf(working), /; if it expects TLS, write rediss:/);
  });

  it('an error names the node and hints at redis: if the server has no TLS', async () => {
    const { port } = plain.servers[0]!;
    const node = { host: '127.0.0.1', port, tls: trustOptions(), connectTimeout: 300 };
    await expectUnreachable(node, `127.0.0.1:${port}`, /; if it does not speak TLS, write redis:/);
  });

  it('an error names the node and hints at the missing client certificate', async () => {
    await expectUnreachable(
      at(mutual, trustOptions()),
      nameOf(mutual),
      /; it may want a certificate of the client/,
    );
  });

  it('an error names the node if another authority signed the client certificate', async () => {
    const { cert, key } = await otherAuthority.sign({ names: 'DNS:client' });
    await expectUnreachable(
      at(mutual, { ...trustOptions(), cert, key }),
      nameOf(mutual),
      /; it may want a certificate of the client|alert/,
    );
  });

  it('an error names the node if the password is wrong or missing', async () => {
    const { password, ...without } = at(working, trustOptions());
    await expectUnreachable(
      { ...without, password: `${password}x` },
      nameOf(working),
      /refused the user or password/,
    );
    await expectUnreachable(without, nameOf(working), /refused the user or password/);
  });

  it('a minority of nodes with TLS errors does not prevent a lock', async () => {
    await using managers = new LockManagers();
    await using healthy = await startRedis({ count: 2 });
    const locks = managers.make({
      nodes: [at(working), ...healthy.servers.map((server) => server.options)],
      restartQuarantine: 'off',
    });
    await (await locks.acquire('job')).release();
  });
});
