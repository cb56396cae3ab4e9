import { createServer, type AddressInfo } from 'node:net';
import type { Certificate } from './certificates.js';
import { startRedis, type RedisServers } from './redis-servers.js';

export interface TlsOptions {
  readonly certificate: Certificate;
  /** Who must have signed the certificates of clients. */
  readonly authority: Certificate;
  /** Whether clients must have a certificate. */
  readonly clients?: boolean;
  readonly args?: readonly string[];
}

/** A redis-server that speaks TLS on a port of 127.0.0.1, and plainly on a unix socket for the test's own use. */
export interface TlsServer {
  readonly tlsPort: number;
  readonly redis: RedisServers;
}

export async function startTls(options: TlsOptions): Promise<TlsServer> {
  const { certificate, authority, clients = false, args = [] } = options;
  // Between the choice of a port and its use somebody else may take it: then the server does not start.
  for (let attempt = 1; ; attempt++) {
    const tlsPort = await freePort();
    const settings = {
      bind: '127.0.0.1',
      'tls-port': String(tlsPort),
      'tls-cert-file': certificate.certFile,
      'tls-key-file': certificate.keyFile,
      'tls-ca-cert-file': authority.certFile,
      'tls-auth-clients': clients ? 'yes' : 'no',
    };
    const settingArgs = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    try {
      return { tlsPort, redis: await startRedis({ count: 1, args: [...settingArgs, ...args] }) };
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
